"""Weights beside activations: a row a model and pattern, the two joined by a line."""

from collections.abc import Sequence

import plotly.graph_objects as go

from nmviz.explorer.choosing import Shown, leading
from nmviz.explorer.row import Row
from nmviz.explorer.selection import method_order
from nmviz.views.published_parts import (
    LIVE,
    Scale,
    axis_title,
    bars,
    drawable,
    hover,
    legend_notes,
    marker,
    panel_of,
    scale_of,
    styles,
)
from nmviz.views.published_words import pairs_of, pairs_sentence, range_sentence
from nmviz.views.theme import empty, ink, name_rows, style

NOTHING = "Nothing to draw: choose WT and ACT, or other methods, at some pattern."
ROW = 26
BETWEEN = 0.6
"""Rows left empty between two models."""


def weights_and_activations(rows: Sequence[Row], *, dark: bool = False) -> go.Figure:
    """WT and ACT in one line a pattern, with one standard error; other methods beside them."""
    shown = [one for one in drawable(leading(rows)) if not one.row.is_dense]
    drawn = [one.row for one in shown]
    if not drawn:
        return empty(NOTHING, dark)
    places = _places(drawn)
    figure = go.Figure()
    figure.layout.shapes = [
        {
            "type": "line",
            "x0": weight.value,
            "x1": activation.value,
            "y0": places[_place(weight)],
            "y1": places[_place(weight)],
            "line": {"color": ink(dark).muted, "width": 1.5},
            "layer": "below",
        }
        for weight, activation in pairs_of(drawn)
    ]
    scale = scale_of(shown)
    methods = method_order({row.method for row in drawn})
    looks = styles(methods, drawn)
    for method in methods:
        own = [one for one in shown if one.row.method == method]
        figure.add_trace(_dots(own, method, looks[method], places, scale))
    figure.add_traces(legend_notes(drawn))
    last = max(places.values())
    title = pairs_sentence(drawn) or range_sentence(drawn)
    style(figure, dark, height=110 + round(ROW * (last + 1)), title=title)
    _axes(figure, drawn, places, scale)
    return figure


def _place(row: Row) -> tuple[str, str]:
    return panel_of(row), row.pattern


def _places(drawn: Sequence[Row]) -> dict[tuple[str, str], float]:
    """The height of every model and pattern, models set apart."""
    found: dict[tuple[str, str], float] = {}
    height, before = 0.0, ""
    for panel, pattern in dict.fromkeys(_place(row) for row in drawn):
        height += BETWEEN if before not in ("", panel) else 0.0
        found[panel, pattern] = height
        height, before = height + 1, panel
    return found


def _dots(
    own: Sequence[Shown],
    method: str,
    look: dict[str, str],
    places: dict[tuple[str, str], float],
    scale: Scale,
) -> go.Scatter:
    rows = [one.row for one in own]
    return go.Scatter(
        x=[scale.edge if row.value is None else row.value for row in rows],
        y=[places[_place(row)] for row in rows],
        mode="markers",
        name=method,
        marker=marker(rows, look["symbol"], look["colour"]),
        error_x=bars(rows, look["colour"]),
        hovertext=[hover(one) for one in own],
        hoverinfo="text",
        cliponaxis=False,
    )


def _axes(
    figure: go.Figure,
    drawn: Sequence[Row],
    places: dict[tuple[str, str], float],
    scale: Scale,
) -> None:
    live = {panel_of(row) for row in drawn if row.live}
    names = {panel_of(row): row.model for row in drawn}
    name_rows(figure, [""])
    figure.update_yaxes(
        tickvals=list(places.values()),
        ticktext=[
            f"{names[panel]}, {pattern}"
            + (f"<br>{LIVE.partition(':')[0]}" if panel in live else "")
            for panel, pattern in places
        ],
        range=[max(places.values()) + 0.6, -0.6],
    )
    under = "<br>live: another model, text and protocol" if live else ""
    figure.update_xaxes(title_text=axis_title(drawn) + under, **scale.axis())
    figure.update_layout(margin={"r": 14})
