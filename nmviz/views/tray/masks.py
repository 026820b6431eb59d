"""Two masks over one another: what both keep, what only one of them keeps, what neither does."""

import numpy as np
import plotly.graph_objects as go

from nmviz.core.results import MaskWindow, SiteLook
from nmviz.views.explore.mask import block_rules, ruled
from nmviz.views.shared.numbers import share
from nmviz.views.shared.theme import LIGHT, empty, figure_of

KINDS = ("kept by neither", "only by A", "only by B", "kept by both")
INKS = ("#ECEEF1", "#56B4E9", "#E69F00", "#1F2933")
"""Of each kind, light where it is dropped and dark where both keep it."""
CELL, LEAST, MOST = 14, 140, 448  # pixels of a row, and of all rows


def overlaid(a: SiteLook, b: SiteLook, dark: bool = False) -> go.Figure:
    """A window of the mask of A and of B at one layer: tokens x channels, or rows x columns."""
    why = why_not(a, b)
    if why:
        return empty(why, dark)
    kinds = kinds_of(a.mask, b.mask)
    rows, columns = kinds.shape
    height = min(max(rows * CELL, LEAST), MOST)
    traces = [_cells(a, kinds), *map(_named, KINDS, INKS), *_rules(a.mask)]
    title = sentence(a, b)
    return figure_of(traces, _layout(a, rows, columns), dark, height=height + 100, title=title)


def why_not(a: SiteLook, b: SiteLook) -> str:
    """Why the two cannot be laid over one another; empty where they can."""
    if a.target != b.target:
        return "One mask is of weights, one of activations: they have no entry in common."
    if (a.d_in, a.d_out) != (b.d_in, b.d_out) or a.mask.kept.shape != b.mask.kept.shape:
        return "The two layers are of different sizes: their masks have no entry in common."
    if a.turned != b.turned:
        return "One mask is on turned axes, the other on channels: they have no entry in common."
    return "" if a.mask.kept.size else "This layer has no entry to show."


def kinds_of(a: MaskWindow, b: MaskWindow) -> np.ndarray:
    """[rows, columns]: 0 where neither keeps an entry, 1 only A, 2 only B, 3 both."""
    return a.kept.astype(np.uint8) + 2 * b.kept.astype(np.uint8)


def sentence(a: SiteLook, b: SiteLook) -> str:
    """What share of what A keeps B keeps too, beside what chance would give."""
    kinds = kinds_of(a.mask, b.mask)
    kept = int(a.mask.kept.sum())
    if not kept:
        return "A keeps nothing of this window"
    both = int((kinds == 3).sum())
    if both == kept == int(b.mask.kept.sum()):
        return "Both keep the same entries of this window"
    chance = float(b.mask.kept.mean())
    common = share(both / kept)
    return f"Of what A keeps in this window B keeps {common} too; by chance {share(chance)}"


def _cells(look: SiteLook, kinds: np.ndarray) -> dict[str, object]:
    row, column = ("token", "channel") if look.target == "activation" else ("row", "column")
    window = look.mask
    scale = [[place / 4 + step / 4, colour] for place, colour in enumerate(INKS) for step in (0, 1)]
    said = np.array(KINDS, dtype=object)[kinds]
    return {
        "type": "heatmap",
        "x0": window.first_column,
        "dx": 1,
        "y0": window.first_row,
        "dy": 1,
        "z": kinds,
        "zmin": -0.5,
        "zmax": 3.5,
        "colorscale": scale,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "text": said,
        "hovertemplate": f"{row} %{{y}}, {column} %{{x}}: %{{text}}<extra></extra>",
    }


def _named(kind: str, colour: str) -> dict[str, object]:
    """An entry of the legend."""
    return {
        "type": "scatter",
        "x": [None],
        "y": [None],
        "mode": "markers",
        "name": kind,
        "marker": {"symbol": "square", "size": 11, "color": colour},
    }


def _rules(window: MaskWindow) -> list[dict[str, object]]:
    rules = block_rules(window)
    rows = window.kept.shape[0]
    ends = (window.first_row - 0.9, window.first_row + rows - 0.1)
    return [ruled(rules, ends, LIGHT.muted)] if rules else []


def _layout(look: SiteLook, rows: int, columns: int) -> dict[str, object]:
    window, activation = look.mask, look.target == "activation"
    plain = {"showgrid": False, "zeroline": False, "showline": False}
    across = ("direction" if look.turned else "channel") if activation else "column (input)"
    first, top = window.first_column - 0.5, window.first_row
    return {
        "xaxis": {
            "title": {"text": f"{across} of {window.columns_in_all:,}"},
            "range": [first, first + columns],
            **plain,
        },
        "yaxis": {
            "title": {"text": f"{'token' if activation else 'row'} of {window.rows_in_all:,}"},
            "range": [top + rows - 0.1, top - 0.9],
            **plain,
        },
    }
