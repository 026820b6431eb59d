"""A figure as plain data: what it says and where every point stands, without drawing it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from nmviz.views.shared.theme import title_of

FIELD = re.compile(r"%\{(customdata\[(?P<place>\d+)\]|(?P<axis>[xy]))(?::(?P<form>[^}]*))?\}")
DIGITS = 6
"""Significant digits of a number that was worked out, so that a test can write it down."""


def seen(figure: go.Figure) -> dict[str, Any]:
    """The sentence, axes, traces and notes of a figure; what it does not have is left out.

    An axis is its title, or the names of its rows where it has some.
    """
    return _there(
        {
            "title": title_of(figure),
            "axes": {name: _axis(axis) for name, axis in axes_of(figure).items()},
            "traces": [trace_seen(trace) for trace in figure.data],
            "notes": [note.text for note in figure.layout.annotations],
        }
    )


def trace_seen(trace: go.Scatter | go.Bar | go.Heatmap) -> dict[str, Any]:
    """Name, kind, numbers, error bars and words of a trace; `hover` is what a pointer reads."""
    told = {"name": trace.name, "kind": trace.type, "x": plain(trace.x), "y": plain(trace.y)}
    if trace.type == "heatmap":
        return _there({**told, "z": plain(trace.z), "text": plain(trace.text)})
    errors = trace.error_y if trace.error_x.array is None else trace.error_x
    bars = {"errors": plain(errors.array), "errors_below": plain(errors.arrayminus)}
    return _there({**told, **bars, "text": plain(trace.text), "hover": hover_words(trace)})


def hover_words(trace: go.Scatter | go.Bar) -> list[str] | None:
    """What a pointer reads at every point: the hover text, or the template with its numbers."""
    if trace.hovertext is not None:
        return list(trace.hovertext)
    if trace.hoverinfo == "skip" or not trace.hovertemplate or trace.x is None:
        return None
    template = trace.hovertemplate.partition("<extra>")[0]

    def said(place: int) -> str:
        def number(found: re.Match[str]) -> str:
            axis = found["axis"]
            value = trace[axis][place] if axis else trace.customdata[place][int(found["place"])]
            return format(value, found["form"] or "")

        return FIELD.sub(number, template)

    return [said(place) for place, x in enumerate(trace.x) if x is not None]


def axes_of(figure: go.Figure) -> Mapping[str, Any]:
    """The axes that any trace is drawn on, `x`, `y`, `x2` ..., in the order of the traces."""
    names = dict.fromkeys(
        name for trace in figure.data for name in (trace.xaxis or "x", trace.yaxis or "y")
    )
    return {name: figure.layout[f"{name[0]}axis{name[1:]}"] for name in names}


def words_of(figure: go.Figure) -> Iterator[str]:
    """Every word that can be read: sentence, axes, legend, notes, texts and hover texts."""
    yield title_of(figure)
    yield from (note.text for note in figure.layout.annotations)
    for axis in axes_of(figure).values():
        yield axis.title.text or ""
        yield from axis.ticktext or ()
    for trace in figure.data:
        yield trace.name or ""
        told = trace_seen(trace)
        yield from (word for word in flat(told.get("text")) if isinstance(word, str))
        yield from told.get("hover", ())


def plain(value: Any) -> Any:
    """Lists and numbers of Python's own, numbers to a few digits; None where there is nothing."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def flat(value: Any) -> Iterator[Any]:
    """Every single value in lists of lists."""
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from flat(one)
    elif value is not None:
        yield value


def _axis(axis: Any) -> Any:
    return axis.title.text or list(axis.ticktext or ())


def _there(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value not in (None, "", [], {})}
