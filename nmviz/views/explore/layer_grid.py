"""What maps of layers, blocks x projections, share: colours, the frame of a cell, a sentence."""

from math import isfinite
from typing import Any

import numpy as np
from plotly.colors import sequential

from nmviz.core.results import Result
from nmviz.views.explore.depth_sentence import ALIKE
from nmviz.views.shared.numbers import significant, times
from nmviz.views.shared.theme import NAMES

CIVIDIS = list(sequential.Cividis)


def hurts_most(result: Result) -> str:
    """The layer with the largest error, in a sentence without its full stop; that none is known
    where that is so."""
    sites = [site for site in result.layers if isfinite(site.rel_error)]
    name = NAMES[result.experiment.target]
    if not sites:
        return f"No layer with pruned {name} is measured here yet"
    worst = max(sites, key=lambda site: site.rel_error)
    middle = float(np.median([site.rel_error for site in sites]))
    if len(sites) > 1 and worst.rel_error <= ALIKE * middle:
        return f"Pruning {name} hurts no layer much more than another: {significant(middle)}"
    place = f"Pruning {name} hurts most in block {worst.block}, {worst.projection}"
    error = significant(worst.rel_error)
    if len(sites) == 1 or middle <= 0:
        return f"{place}: relative error {error}"
    return f"{place}: relative error {error}, {times(worst.rel_error / middle)} the median layer"


def frame(block: int, row: int, colour: str) -> dict[str, Any]:
    """The shape around one cell of a map of layers."""
    edges = {"x0": block - 0.5, "x1": block + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    return {"type": "rect", "line": {"color": colour, "width": 3}, **edges}
