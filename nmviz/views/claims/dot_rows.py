"""Rows of dots with their 95% intervals: what the answers to most claims rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import plotly.graph_objects as go

from nmviz.views.shared.theme import COLOURS, DASHES, MARKERS, empty, ink, name_rows, style

ROW = 25
LEAST = 100
"""Pixels of a figure with one row, as of every other figure at least."""
TARGETS: Mapping[str, str] = {"weights": "weight", "activations": "activation", "dense": "dense"}
SHAPES = ("circle", "square", "diamond", "triangle-up", "x")


@dataclass(frozen=True)
class IntervalRow:
    """One dot: its row, the series it belongs to, and its interval where one is known."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    series: str = "activations"
    marked: bool = False


def interval_rows(
    rows: Sequence[IntervalRow],
    *,
    axis: str,
    title: str,
    lines: Mapping[str, float] | None = None,
    dark: bool = False,
    least: float | None = None,
    most: float | None = None,
) -> go.Figure:
    """One row a label, one dot a series; `lines` are values to compare with, drawn across.

    Rows that use values the audit marked are open. `least` is where the axis begins and `most`
    where it ends at the latest; what reaches over ends at its edge.
    """
    if not rows:
        return empty("There is nothing to draw.", dark)
    labels = list(dict.fromkeys(row.label for row in rows))
    names = list(dict.fromkeys(row.series for row in rows))
    ends = _range(rows, list((lines or {}).values()), least, most)
    figure = go.Figure()
    for place, name in enumerate(names):
        shifts = {label: _shift(rows, label, name) for label in labels}
        own = [row for row in rows if row.series == name]
        _add_series(figure, own, labels, place, shifts, ends[1] - ends[0])
    style(figure, dark, title=title)
    name_rows(figure, labels)
    for text, value in (lines or {}).items():
        _add_line(figure, text, value, dark)
    figure.update_xaxes(title_text=axis, zeroline=False, range=ends)
    legend = len(names) > 1
    height = max(LEAST, (108 if legend else 74) + ROW * len(labels))
    figure.update_layout(
        showlegend=legend, height=height, margin={"r": 16, "t": 44 if legend else 10}
    )
    return figure


def _shift(rows: Sequence[IntervalRow], label: str, series: str) -> float:
    """How far a dot is moved off the middle of its row, so that it hides no other one there."""
    there = list(dict.fromkeys(row.series for row in rows if row.label == label))
    return 0.24 * (there.index(series) - (len(there) - 1) / 2) if series in there else 0.0


def _add_series(
    figure: go.Figure,
    rows: Sequence[IntervalRow],
    labels: Sequence[str],
    place: int,
    shifts: Mapping[str, float],
    width: float,
) -> None:
    name = rows[0].series
    column = TARGETS.get(name, "activation")
    colour = COLOURS[column]  # type: ignore[index]
    shape = MARKERS[column] if name in TARGETS else SHAPES[place % len(SHAPES)]  # type: ignore[index]
    figure.add_trace(
        go.Scatter(
            x=[row.value for row in rows],
            y=[labels.index(row.label) + shifts[row.label] for row in rows],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [_arm(row.high, row.value, width) for row in rows],
                "arrayminus": [_arm(row.value, row.low, width) for row in rows],
                "color": colour,
                "thickness": 1.5,
                "width": 3,
            },
            mode="markers",
            name=name,
            marker={
                "color": colour,
                "symbol": [shape + ("-open" if row.marked else "") for row in rows],
                "size": 8,
                "line": {"width": 1.5, "color": colour},
            },
            customdata=[[row.label, _written(row)] for row in rows],
            hovertemplate="%{customdata[0]}, " + name + ": %{customdata[1]}<extra></extra>",
        )
    )


def _add_line(figure: go.Figure, text: str, value: float, dark: bool) -> None:
    figure.add_vline(
        x=value,
        line={"color": ink(dark).muted, "dash": DASHES["dense"], "width": 1.2},
        layer="below",
    )
    figure.add_annotation(
        x=value,
        y=0,
        yref="paper",
        yanchor="bottom",
        xanchor="left",
        xshift=3,
        text=text,
        showarrow=False,
        font={"size": 10.5, "color": ink(dark).muted},
    )


def _arm(end: float | None, start: float | None, width: float) -> float:
    """Length of one side of an interval; an infinite one reaches beyond an axis of that width."""
    if end is None or start is None:
        return 0.0
    return end - start if isfinite(end - start) else max(1e6, 2 * width)


def _written(row: IntervalRow) -> str:
    if row.low is None or row.high is None:
        return f"{row.value:,.3g}"
    if not isfinite(row.low) or not isfinite(row.high):
        return f"{row.value:,.3g} (no bound)"
    return f"{row.value:,.3g} ({row.low:,.3g} to {row.high:,.3g})"


def _range(
    rows: Sequence[IntervalRow], lines: Sequence[float], least: float | None, most: float | None
) -> tuple[float, float]:
    """Where the axis begins and ends: around all that is known, within what is asked for."""
    low, high = _reach(rows, lines)
    room = 0.06 * (high - low) or 1.0
    end = high + room
    return low - room if least is None else least, end if most is None else min(end, most)


def _reach(rows: Sequence[IntervalRow], lines: Sequence[float]) -> tuple[float, float]:
    ends = [end for row in rows for end in (row.value, row.low, row.high)]
    known = [end for end in (*ends, *lines) if end is not None and isfinite(end)]
    return min(known), max(known)
