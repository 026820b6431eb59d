"""Blocks x projections: which layer to look at next."""

from math import isfinite
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sequential

from nmviz.core.results import Result
from nmviz.views.explore.depth_sentence import ALIKE
from nmviz.views.shared.numbers import significant, times, uncertainty
from nmviz.views.shared.theme import NAMES, empty, ink, style

CIVIDIS = list(sequential.Cividis)
_BAR = {
    "title": {"text": "relative error (share)", "side": "right", "font": {"size": 12}},
    "thickness": 10,
    "outlinewidth": 0,
}


def blocks_projections(
    result: Result,
    *,
    dark: bool = False,
    selected: tuple[int, str] | None = None,
    largest: float | None = None,
) -> go.Figure:
    """Heatmap of the local error of every layer of one target.

    `largest` ends the colour scale, so that two targets can share one.
    """
    blocks, projections, errors = error_grid(result)
    if not blocks:
        return empty("No pruned layer is measured here yet.", dark)
    figure = go.Figure(
        go.Heatmap(
            x=blocks,
            y=projections,
            z=errors,
            zmin=0,
            zmax=largest or float(np.nanmax(errors)) or 1.0,
            colorscale=CIVIDIS,
            xgap=1,
            ygap=1,
            hoverongaps=False,
            colorbar=_BAR,
            text=_uncertainties(result, blocks, projections),
            hovertemplate="block %{x}, %{y}: %{z:.3f}%{text}<extra></extra>",
        )
    )
    style(figure, dark, height=110 + 26 * len(projections), title=_title(result))
    figure.update_xaxes(title_text="block (0 = first)", showgrid=False, zeroline=False)
    figure.update_yaxes(title_text="projection", autorange="reversed", showgrid=False)
    if selected is not None and selected[0] in blocks and selected[1] in projections:
        place = selected[0], projections.index(selected[1])
        figure.add_shape(frame(*place, ink(dark).text))
    return figure


def error_grid(result: Result) -> tuple[list[int], list[str], np.ndarray]:
    """Blocks in order, projections as they come, and errors [projections, blocks] with gaps NaN."""
    sites = [site for site in result.layers if isfinite(site.rel_error)]
    blocks = sorted({site.block for site in sites})
    projections = list(dict.fromkeys(site.projection for site in sites))
    errors = np.full((len(projections), len(blocks)), np.nan)
    for site in sites:
        errors[projections.index(site.projection), blocks.index(site.block)] = site.rel_error
    return blocks, projections, errors


def _uncertainties(result: Result, blocks: list[int], projections: list[str]) -> list[list[str]]:
    """Of every cell, [projections][blocks], what stands behind an error from a sample."""
    known = {(site.projection, site.block): uncertainty(site) for site in result.layers}
    return [[known.get((row, block), "") for block in blocks] for row in projections]


def frame(block: int, row: int, colour: str) -> dict[str, Any]:
    """The shape around one cell."""
    edges = {"x0": block - 0.5, "x1": block + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    return {"type": "rect", "line": {"color": colour, "width": 3}, **edges}


def _title(result: Result) -> str:
    sites = [site for site in result.layers if isfinite(site.rel_error)]
    worst = max(sites, key=lambda site: site.rel_error)
    middle = float(np.median([site.rel_error for site in sites]))
    name = NAMES[result.experiment.target]
    if len(sites) > 1 and worst.rel_error <= ALIKE * middle:
        return f"Pruning {name} hurts no layer much more than another: {significant(middle)}"
    place = f"Pruning {name} hurts most in block {worst.block}, {worst.projection}"
    error = significant(worst.rel_error)
    if len(sites) == 1 or middle <= 0:
        return f"{place}: relative error {error}"
    return f"{place}: relative error {error}, {times(worst.rel_error / middle)} the median layer"
