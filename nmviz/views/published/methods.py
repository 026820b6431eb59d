"""Methods of published results side by side: a panel a model and pattern, a row a method."""

from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go

from nmviz.core.results import Column
from nmviz.published.listing.choosing import Shown
from nmviz.published.listing.row import Row
from nmviz.published.listing.selection import method_order
from nmviz.views.published.axes import Grid, once
from nmviz.views.published.marks import (
    Scale,
    axis_title,
    bars,
    column_of,
    drawable,
    hover,
    is_drawn,
    labels,
    legend_notes,
    marker,
    panel_of,
    panel_title,
    scale_of,
)
from nmviz.views.published.titles import methods_sentence
from nmviz.views.shared.theme import MARKERS, NAMES, empty, figure_of, ink, named_rows

NOTHING = "Nothing to draw: no method is left in this choice."
ROW = 20


def methods_by_model(rows: Sequence[Row], *, dark: bool = False) -> go.Figure:
    """A dot a method with one standard error; methods stand in the same order in every panel."""
    shown = drawable(rows)
    drawn = [one.row for one in shown]
    panels = {_panel(row): _title(row) for row in drawn if is_drawn(row)}
    if not panels:
        return empty(NOTHING, dark)
    label = labels(drawn)
    order = method_order({row.method for row in drawn})
    names = list(dict.fromkeys(map(label, sorted(drawn, key=lambda r: order.index(r.method)))))
    grid = Grid(list(panels.values()), 24 + ROW * len(names), axis_title(drawn))
    scale = scale_of(shown)
    traces: list[dict[str, Any]] = []
    for place, panel in enumerate(panels):
        inside = [one for one in shown if _belongs(one.row, panel)]
        for column in dict.fromkeys(column_of(one.row) for one in inside):
            own = [one for one in inside if column_of(one.row) == column]
            traces.append({**_dots(own, column, names, label, scale), **grid.axes(place)})
    layout = grid.layout(scale.axis(), {**named_rows(names), "showgrid": True})
    layout["annotations"] = grid.headings(dark)
    traces = once([*traces, *legend_notes(drawn)])
    return figure_of(traces, layout, dark, height=grid.outer, title=methods_sentence(drawn))


def _dots(
    own: Sequence[Shown],
    column: Column,
    names: Sequence[str],
    label: Callable[[Row], str],
    scale: Scale,
) -> dict[str, Any]:
    rows = [one.row for one in own]
    colour = ink(False).colour(column)
    return {
        "x": [scale.edge if row.value is None else row.value for row in rows],
        "y": [names.index(label(row)) for row in rows],
        "mode": "markers",
        "name": NAMES[column],
        "legendgroup": column,
        "marker": marker(rows, MARKERS[column], colour),
        "error_x": bars(rows, colour),
        "hovertext": [hover(one) for one in own],
        "hoverinfo": "text",
        "cliponaxis": False,
    }


def _panel(row: Row) -> tuple[str, str]:
    return panel_of(row), row.pattern


def _belongs(row: Row, panel: tuple[str, str]) -> bool:
    """Dense rows stand in every panel of their model."""
    return _panel(row) == panel or (row.is_dense and panel_of(row) == panel[0])


def _title(row: Row) -> str:
    name, _, after = panel_title(row).partition("<br>")
    return f"{name}<br>{row.pattern}" + (f", {after}" if after else "")
