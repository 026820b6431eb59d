"""Models x methods as cells with their numbers; drawn as bars, so that it stays vector."""

import textwrap
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from nmviz.published.listing.choosing import Shown
from nmviz.published.listing.row import DAGGER, Row
from nmviz.published.listing.selection import is_better_higher, method_order, pattern_order
from nmviz.views.published.marks import drawable, hover, labels, noun, panel_of
from nmviz.views.published.titles import range_sentence
from nmviz.views.shared.names import in_short
from nmviz.views.shared.theme import CLEAR, empty, figure_of, ink, named_rows

NOTHING = "Nothing to draw: no model and method are left in this choice."
BEST = (247, 248, 250)
WORST = (168, 144, 198)
"""Every step between the two carries dark text with enough contrast."""
GAINED = (190, 226, 220)
ROW = 24
COLUMN = 24
"""Characters of a column's name, which stands in lines above it."""


def models_by_methods(rows: Sequence[Row], *, dark: bool = False) -> go.Figure:
    """A column a model, a row a method (and pattern, where there are several). No rows laid
    over."""
    shown = [one for one in drawable(rows) if not one.row.is_dense and not one.row.laid_over]
    if not shown:
        return empty(NOTHING, dark)
    drawn = [one.row for one in shown]
    columns = list(dict.fromkeys(panel_of(row) for row in drawn))
    label = _label(drawn)
    order = method_order({row.method for row in drawn})
    ordered = sorted(drawn, key=lambda row: (pattern_order(row.pattern), order.index(row.method)))
    names = list(dict.fromkeys(map(label, ordered)))
    places = [(columns.index(panel_of(row)), names.index(label(row))) for row in drawn]
    layout = {
        "annotations": [_key(drawn, dark)],
        "xaxis": {
            "tickvals": list(range(len(columns))),
            "ticktext": [_broken(column) for column in columns],
            "range": [-0.5, len(columns) - 0.5],
            "side": "top",
            "tickangle": 0,
            "showgrid": False,
            "zeroline": False,
            "showline": False,
            "ticks": "",
        },
        "yaxis": {**named_rows(names), "showline": False},
        "margin": {"b": 40, "t": 60},
    }
    traces = [_words(shown, places), _cells(drawn, places)]
    height = 124 + ROW * len(names)
    return figure_of(traces, layout, dark, height=height, title=range_sentence(drawn))


def colour_of(value: float, low: float, high: float) -> str:
    """From the best to the worst; what is better than `low` is gained, and has one colour."""
    if value < low:
        return _hex(GAINED)
    share = 0.0 if high <= low else min((value - low) / (high - low), 1.0)
    mixed = [a + share * (b - a) for a, b in zip(BEST, WORST, strict=True)]
    return _hex((round(mixed[0]), round(mixed[1]), round(mixed[2])))


def _cells(drawn: Sequence[Row], places: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """All cells as bars that float: one trace, where a shape each takes four times as long."""
    known = [row.value for row in drawn if row.value is not None] or [0.0]
    low = 0.0 if drawn[0].metric == "average_drop" else min(known)
    high = max(known)
    return {
        "type": "bar",
        "x": [x for x, _ in places],
        "y": [0.92] * len(places),
        "base": [y - 0.46 for _, y in places],
        "width": 0.96,
        "marker": {"color": [_colour(row, low, high) for row in drawn], "line": {"width": 0}},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _colour(row: Row, low: float, high: float) -> str:
    value = row.value
    if value is None:
        return CLEAR
    return colour_of(low + high - value if is_better_higher(row.metric) else value, low, high)


def _words(shown: Sequence[Shown], places: Sequence[tuple[int, int]]) -> dict[str, Any]:
    return {
        "x": [x for x, _ in places],
        "y": [y for _, y in places],
        "text": [_short(one.row) + (DAGGER if one.row.marks else "") for one in shown],
        "mode": "text",
        "textfont": {"size": 12},
        "hovertext": [hover(one) for one in shown],
        "hoverinfo": "text",
        "showlegend": False,
    }


def _label(drawn: Sequence[Row]) -> Callable[[Row], str]:
    several = len({row.pattern for row in drawn}) > 1
    label = labels(drawn)
    return lambda row: label(row) + (f", {row.pattern}" if several else "")


def _key(drawn: Sequence[Row], dark: bool) -> dict[str, Any]:
    """What the numbers, the colours and the signs are."""
    said = [noun(drawn)]
    if drawn[0].metric == "average_drop" and any((row.value or 0) < 0 for row in drawn):
        said.append("below 0: gained")
    if any(row.marks for row in drawn):
        said.append(f"{DAGGER} has a finding")
    if any(row.value is None for row in drawn):
        said.append("OUT: above a cut-off, no number")
    return {
        "text": "<br>".join(["; ".join(said[:2]), *said[2:]]),
        "align": "left",
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": 0,
        "yref": "paper",
        "yanchor": "top",
        "yshift": -6,
        "showarrow": False,
        "font": {"size": 12, "color": ink(dark).text},
    }


def _short(row: Row) -> str:
    return "OUT" if row.value is None else row.text.removesuffix("%")


def _broken(name: str) -> str:
    """A name in lines that are no wider than a narrow cell."""
    lines = textwrap.wrap(in_short(name.partition(",")[0], COLUMN), 9, break_long_words=False)
    return "<br>".join(escape(line, quote=False) for line in lines)


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
