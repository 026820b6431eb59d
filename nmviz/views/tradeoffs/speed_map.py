"""Measured ratios of one machine, type, phase and pattern over tokens, a line a shape."""

from collections.abc import Sequence

import plotly.graph_objects as go

from nmviz.hardware.facts import shipped
from nmviz.published.speeds.implausible import Doubts
from nmviz.published.speeds.measured import PHASE_WORDS, Measured
from nmviz.views.shared.theme import empty, ink, style
from nmviz.views.tradeoffs.known import marked

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star")
NOTHING = "Nobody measured this: choose another machine, data type, phase or pattern."


def speed_map(
    rows: Sequence[Measured], doubts: Doubts, *, asked: int | None = None, dark: bool = False
) -> go.Figure:
    """Times the dense speed; dense is the line at 1. What is in doubt is hollow, with the reason on
    hover. `asked` is the number of tokens that somebody asks about."""
    if not rows:
        return empty(NOTHING, dark)
    shapes = list(dict.fromkeys(one.shape for one in rows))
    traces = []
    for place, shape in enumerate(shapes):
        own = sorted((one for one in rows if one.shape == shape), key=lambda one: one.tokens)
        traces.append(_line(own, place, doubts))
    figure = style(go.Figure(traces), dark, height=380, title=_title(rows, doubts))
    figure.add_hline(y=1, line={"color": ink(dark).dense, "dash": "dot", "width": 1.5})
    if asked is not None:
        figure.add_vline(x=asked, line={"color": ink(dark).muted, "width": 1})
    tokens = "texts at once" if rows[0].phase == "decode" else "tokens"
    ticks = sorted({one.tokens for one in rows})
    figure.update_xaxes(
        title_text=tokens, type="log", tickvals=ticks, ticktext=[f"{one:,}" for one in ticks]
    )
    figure.update_yaxes(title_text=f"times the dense speed ({marked('published')})")
    figure.update_layout(margin={"t": 56})
    return figure


def _line(rows: Sequence[Measured], place: int, doubts: Doubts) -> go.Scatter:
    colour, symbol = COLOURS[place % len(COLOURS)], SYMBOLS[place % len(SYMBOLS)]
    name = _shape(rows[0])
    return go.Scatter(
        x=[one.tokens for one in rows],
        y=[one.ratio for one in rows],
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": 1.4},
        marker={
            "color": colour,
            "size": 8,
            "symbol": [symbol + ("-open" if one.key in doubts else "") for one in rows],
            "line": {"width": 1.5, "color": colour},
        },
        hovertext=[_hover(one, name, doubts) for one in rows],
        hoverinfo="text",
    )


def _shape(one: Measured) -> str:
    return shipped()[one.shape].title if one.shape in shipped() else one.shape.split(",")[0]


def _hover(one: Measured, name: str, doubts: Doubts) -> str:
    why = f"<br>in doubt: {doubts[one.key]}" if one.key in doubts else ""
    return (
        f"{name}, {one.tokens:,}: {one.printed} times dense ({marked('published')})"
        f"<br>{one.source.split(',')[0]}, {one.place}{why}"
    )


def _title(rows: Sequence[Measured], doubts: Doubts) -> str:
    sound = [one for one in rows if one.key not in doubts]
    one = rows[0]
    what = f"{one.target}s {one.pattern} in {one.dtype} on {one.machine}, {PHASE_WORDS[one.phase]}"
    if not sound:
        return f"Every measurement of {what} is in doubt"
    low, high = min(sound, key=lambda one: one.ratio), max(sound, key=lambda one: one.ratio)
    return f"{what[0].upper()}{what[1:]}: {low.printed} to {high.printed} times the dense speed"
