"""Every layer of the model as a map, blocks x projections: the way to choose the one to look at."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from nmviz.core.results import Column, Result
from nmviz.core.settings import TARGETS
from nmviz.ui.shell.html import esc
from nmviz.ui.shell.limits import layer_of, model_of
from nmviz.ui.shell.view import View
from nmviz.views.explore.layer_grid import hurts_most
from nmviz.views.shared.numbers import significant, uncertainty
from nmviz.views.shared.theme import NAMES

UNKNOWN = "Nothing is measured here yet: any layer can be looked at, and a run colours them."


PLACE = (
    '<h3>Choose a layer</h3><p class="words">The stronger the colour, the larger the output error '
    "of the layer, in one scale. Press one to look at it; on the keyboard, arrows and Enter.</p>"
    '<div class="figure drawn"><div id="layers-body"></div></div>'
)
"""Where layers.js draws the map; it stays, so that no answer takes away what has the focus."""


def html(results: Mapping[Column, Result], view: View) -> str:
    """All that the browser draws the map from, with the errors of the results, of each target one;
    nothing for a model whose layers cannot be looked at."""
    model = model_of(view)
    if model.published or not model.blocks:
        return ""
    sides = [
        _side(target, results[target], view)
        for target in TARGETS
        if target in results and results[target].layers
    ]
    blank = {"target": "none", "name": "layers", "said": UNKNOWN, "errors": [], "largest": 0.0}
    told = {
        "blocks": model.blocks,
        "projections": list(model.projections),
        "chosen": ",".join(map(str, layer_of(view) or ())),
        "largest": max((side["largest"] for side in sides), default=0.0) or 1.0,
        "sides": sides or [blank],
    }
    return f'<i data-layers="{esc(json.dumps(told))}"></i>'


def _side(target: Column, result: Result, view: View) -> dict[str, Any]:
    """One target: each layer's error as it is written, [projections][blocks], and empty where it is
    not known."""
    model = model_of(view)
    known = [site for site in result.layers if isfinite(site.rel_error)]
    written = {
        (site.projection, site.block): significant(site.rel_error) + uncertainty(site)
        for site in known
    }
    return {
        "target": target,
        "name": NAMES[target],
        "said": f"{hurts_most(result)}.",
        "errors": [
            [written.get((name, block), "") for block in range(model.blocks)]
            for name in model.projections
        ],
        "largest": max((site.rel_error for site in known), default=0.0),
    }
