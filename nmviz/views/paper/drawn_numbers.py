"""The numbers that a figure draws, as rows: what is exported is what is seen."""

from collections.abc import Iterator, Mapping
from typing import Any

import plotly.graph_objects as go

Record = dict[str, Any]
NAMES = ("x_name", "y_name")


def drawn_numbers(figure: go.Figure) -> list[Record]:
    """A row a point, bar or cell, in the order in which they are drawn.

    `trace` is its place among the traces and `series` its name; `x` and `y` are as on the axes, and
    where an axis has names for places `x_name` and `y_name` are those. `above` and `below` are how
    far its error bar reaches, on the axis `error_of`; `value` is that of a cell, `said` the words
    that stand at it. None where there is nothing.
    """
    layout = figure.layout.to_plotly_json()
    rows: list[Record] = []
    for place, trace in enumerate(figure.data):
        told = trace.to_plotly_json()
        start = {"trace": place, "series": told.get("name") or "", "kind": told["type"]}
        each = _cells(told) if told["type"] == "heatmap" else _points(told)
        rows += [{**start, **one, **_named(one, told, layout)} for one in each]
    return rows


def _points(trace: Mapping[str, Any]) -> Iterator[Record]:
    which = next((one for one in ("x", "y") if _has_error(trace, one)), "")
    error: Mapping[str, Any] = trace[f"error_{which}"] if which else {}
    above = error.get("array")
    below = error.get("arrayminus")
    below = above if below is None else below
    texts = trace.get("text")
    for place, (x, y) in enumerate(zip(trace.get("x", ()), trace.get("y", ()), strict=True)):
        if x is None or y is None:
            continue
        yield {
            "x": _plain(x),
            "y": _plain(y),
            "error_of": which,
            "above": None if above is None else _plain(above[place]),
            "below": None if below is None else _plain(below[place]),
            "value": None,
            "said": _said(texts, place),
        }


def _has_error(trace: Mapping[str, Any], which: str) -> bool:
    return (trace.get(f"error_{which}") or {}).get("array") is not None


def _cells(trace: Mapping[str, Any]) -> Iterator[Record]:
    none = {"error_of": "", "above": None, "below": None}
    texts = trace.get("text")
    for row, values in enumerate(trace["z"]):
        for column, value in enumerate(values):
            if value is None or value != value:
                continue
            yield {
                "x": _at(trace, "x", column),
                "y": _at(trace, "y", row),
                **none,
                "value": _plain(value),
                "said": "" if texts is None else str(texts[row][column]),
            }


def _at(trace: Mapping[str, Any], which: str, place: int) -> Any:
    if trace.get(f"{which}0") is not None:
        return trace[f"{which}0"] + place * (trace.get(f"d{which}") or 1)
    given = trace.get(which)
    return place if given is None else _plain(given[place])


def _named(row: Record, trace: Mapping[str, Any], layout: Mapping[str, Any]) -> Record:
    """The names of its places, where an axis has one for each whole number from 0 on."""
    named: Record = dict.fromkeys(NAMES, "")
    for which, field in zip("xy", NAMES, strict=True):
        number = (trace.get(f"{which}axis") or which)[1:]
        axis = layout.get(f"{which}axis{number}") or {}
        places, words = axis.get("tickvals") or (), axis.get("ticktext")
        if words is None or [*places] != [*range(len(words))] or isinstance(row[which], str):
            continue
        place = round(row[which])
        named[field] = words[place].replace("<br>", " ") if 0 <= place < len(words) else ""
    return named


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _said(texts: Any, place: int) -> str:
    if texts is None or isinstance(texts, str):
        return texts or ""
    return "" if texts[place] is None else str(texts[place]).replace("<br>", " ")
