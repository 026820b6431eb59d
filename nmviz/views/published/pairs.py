"""Weights beside activations: a row a model and pattern, the two joined by a line."""

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from nmviz.published.listing.choosing import Shown
from nmviz.published.listing.row import Row
from nmviz.published.listing.selection import method_order
from nmviz.views.published.marks import (
    IMPORTED,
    LIVE,
    Scale,
    axis_title,
    bars,
    drawable,
    hover,
    is_drawn,
    legend_notes,
    marker,
    panel_of,
    scale_of,
    styles,
)
from nmviz.views.published.titles import pairs_of, pairs_sentence, range_sentence
from nmviz.views.shared.names import in_short
from nmviz.views.shared.theme import empty, figure_of, ink, named_rows

NOTHING = "Nothing to draw: choose WT and ACT, or other methods, at some pattern."
ROW = 26
BETWEEN = 0.6
"""Rows left empty between two models."""
NAME = 30
"""Characters of a model's name: its pattern stands behind it."""
TALL, TALLEST = 1.5, 2.0
"""Rows that a live run takes, whose name has two lines, and an imported result, with three."""


def weights_and_activations(rows: Sequence[Row], *, dark: bool = False) -> go.Figure:
    """WT and ACT in one line a pattern, with one standard error; other methods beside them."""
    shown = [one for one in drawable(rows) if is_drawn(one.row)]
    drawn = [one.row for one in shown]
    if not drawn:
        return empty(NOTHING, dark)
    places = _places(drawn)
    shapes = [
        {
            "type": "line",
            "x0": weight.value,
            "x1": activation.value,
            "y0": places[_place(weight)],
            "y1": places[_place(weight)],
            "line": {"color": ink(dark).muted, "width": 1.5},
            "layer": "between",
        }
        for weight, activation in pairs_of(drawn)
    ]
    scale = scale_of(shown)
    methods = method_order({row.method for row in drawn})
    looks = styles(methods, drawn)
    traces = []
    for method in methods:
        own = [one for one in shown if one.row.method == method]
        traces.append(_dots(own, method, looks[method], places, scale))
    layout = {**_axes(drawn, places, scale), "shapes": shapes, "margin": {"r": 14}}
    height = 110 + round(ROW * (max(places.values()) + 1))
    title = pairs_sentence(drawn) or range_sentence(drawn)
    return figure_of([*traces, *legend_notes(drawn)], layout, dark, height=height, title=title)


def _place(row: Row) -> tuple[str, str]:
    return _panel(row), row.pattern


def _panel(row: Row) -> str:
    """Imported results are of whatever tasks their files have: each task has its own row."""
    return f"{panel_of(row)}, {row.task}" if row.imported else panel_of(row)


def _places(drawn: Sequence[Row]) -> dict[tuple[str, str], float]:
    """The height of every model and pattern, models set apart."""
    found: dict[tuple[str, str], float] = {}
    height, before = 0.0, ""
    tall = {_place(row): _height(row) for row in drawn}
    for panel, pattern in tall:
        height += BETWEEN if before not in ("", panel) else 0.0
        found[panel, pattern] = height
        height, before = height + tall[panel, pattern], panel
    return found


def _height(row: Row) -> float:
    if row.imported:
        return TALLEST
    return TALL if row.live else 1


def _dots(
    own: Sequence[Shown],
    method: str,
    look: dict[str, str],
    places: dict[tuple[str, str], float],
    scale: Scale,
) -> dict[str, Any]:
    rows = [one.row for one in own]
    return {
        "x": [scale.edge if row.value is None else row.value for row in rows],
        "y": [places[_place(row)] for row in rows],
        "mode": "markers",
        "name": in_short(method),
        "marker": marker(rows, look["symbol"], look["colour"]),
        "error_x": bars(rows, look["colour"]),
        "hovertext": [hover(one) for one in own],
        "hoverinfo": "text",
        "cliponaxis": False,
    }


def _axes(
    drawn: Sequence[Row], places: dict[tuple[str, str], float], scale: Scale
) -> dict[str, dict[str, Any]]:
    below = {_panel(row): _below(row) for row in drawn}
    names = {_panel(row): escape(in_short(row.model, NAME), quote=False) for row in drawn}
    ticks = [
        f"{names[panel]}, {pattern}" + (f"<br>{below[panel]}" if below[panel] else "")
        for panel, pattern in places
    ]
    heights = list(places.values())
    live = any(row.live for row in drawn)
    under = "<br>live: another model, text and protocol" if live else ""
    if any(row.imported for row in drawn):
        under += "<br>with how it was asked below its name: imported"
    return {
        "xaxis": {"title": {"text": axis_title(drawn) + under}, **scale.axis()},
        "yaxis": {**named_rows(ticks), "tickvals": heights, "range": [heights[-1] + 0.6, -0.6]},
    }


def _below(row: Row) -> str:
    """Below a name: that it is live, or of an imported result the task and how it was asked."""
    if row.live:
        return LIVE.partition(":")[0]
    told = (row.task, row.asked.words or IMPORTED) if row.imported else ()
    return "<br>".join(escape(in_short(part), quote=False) for part in told if part)
