"""A published quantity over patterns, a panel a model, a line a method."""

from collections.abc import Sequence
from math import log10
from typing import Any

import plotly.graph_objects as go

from nmviz.methods.patterns import parse_pattern
from nmviz.published.listing.choosing import Shown
from nmviz.published.listing.row import Row
from nmviz.published.listing.selection import method_order
from nmviz.views.published.axes import Grid, once
from nmviz.views.published.marks import (
    Scale,
    bars,
    drawable,
    hover,
    legend_notes,
    legend_only,
    marker,
    noun,
    panel_of,
    panel_title,
    patterns_of,
    scale_of,
    styles,
)
from nmviz.views.published.titles import ladder_sentence
from nmviz.views.shared.names import in_short
from nmviz.views.shared.numbers import BARS
from nmviz.views.shared.theme import empty, figure_of, ink

NOTHING = "Nothing to draw: no row of this choice has a pattern."
PANEL = 190
LEGEND = 12
"""Pixels more for each of many methods, which fill the legend of a narrow figure."""
SPREAD = 0.5
"""How far apart, of one step, the methods of a pattern stand."""


def pattern_ladder(rows: Sequence[Row], *, dark: bool = False) -> go.Figure:
    """Lines join the patterns that keep half; bars are one standard error."""
    shown = drawable(rows)
    drawn = [one.row for one in shown]
    patterns = patterns_of(drawn)
    if not patterns:
        return empty(NOTHING, dark)
    panels = {panel_of(row): panel_title(row) for row in drawn}
    grid = Grid(list(panels.values()), PANEL, "pattern", noun(drawn))
    scale = scale_of(shown)
    traces: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []
    words = grid.headings(dark)
    for place, panel in enumerate(panels):
        inside = [one for one in shown if panel_of(one.row) == panel]
        axes = grid.axes(place)
        traces += [{**one, **axes} for one in _traces(inside, patterns, drawn, scale)]
        dense = next((one.row for one in inside if one.row.is_dense), None)
        if dense is not None and dense.value is not None:
            shapes.append(_dense_line(dense.value, axes, dark))
            words.append(_dense_words(dense, scale, axes, dark))
    layout = grid.layout(_x(patterns), scale.axis()) | {"shapes": shapes, "annotations": words}
    bar = legend_only(BARS, ink(dark).muted, "line-ns-open")
    notes = [*([bar] if any(row.stderr for row in drawn) else []), *legend_notes(drawn)]
    height = grid.outer + LEGEND * max(0, len({row.method for row in drawn}) - 4)
    traces = once([*traces, *notes])
    return figure_of(traces, layout, dark, height=height, title=ladder_sentence(drawn))


def _traces(
    inside: Sequence[Shown], patterns: Sequence[str], drawn: Sequence[Row], scale: Scale
) -> list[dict[str, Any]]:
    methods = method_order({row.method for row in drawn if not row.is_dense})
    looks = styles(methods, drawn)
    traces = []
    for place, method in enumerate(methods):
        moved = SPREAD * (place - (len(methods) - 1) / 2) / max(len(methods), 2)
        own = [one for one in inside if one.row.method == method and not one.row.is_dense]
        if own:
            traces.append(
                _trace(_lines(own, patterns), method, looks[method], patterns, moved, scale)
            )
    return traces


def _lines(own: Sequence[Shown], patterns: Sequence[str]) -> list[list[Shown]]:
    """A line for each choice of layers and each task; off the ladder every point stands alone."""
    lines: dict[tuple[str, ...], list[Shown]] = {}
    for one in own:
        ladder = parse_pattern(one.row.pattern).density == 0.5
        alone = "" if ladder else one.row.pattern
        lines.setdefault((one.row.layers, one.row.task, alone), []).append(one)
    return [
        sorted(line, key=lambda one: patterns.index(one.row.pattern)) for line in lines.values()
    ]


def _trace(
    lines: Sequence[Sequence[Shown]],
    method: str,
    look: dict[str, str],
    patterns: Sequence[str],
    moved: float,
    scale: Scale,
) -> dict[str, Any]:
    """All lines of a method in one trace, with a gap between two: one each takes much longer."""
    rows = [[one.row for one in line] for line in lines]
    marks = [marker(line, look["symbol"], look["colour"]) for line in rows]
    errors = [bars(line, look["colour"]) for line in rows]
    return {
        "x": _gapped([[patterns.index(row.pattern) + moved for row in line] for line in rows]),
        "y": _gapped([[scale.edge if r.value is None else r.value for r in line] for line in rows]),
        "mode": "lines+markers",
        "name": in_short(method),
        "legendgroup": method,
        "line": {"color": look["colour"], "dash": look["dash"], "width": 1.4},
        "marker": {**marks[0], "symbol": _gapped([m["symbol"] for m in marks], look["symbol"])},
        "error_y": {**errors[0], "array": _gapped([e["array"] for e in errors], 0)},
        "hovertext": _gapped([[hover(one) for one in line] for line in lines], ""),
        "hoverinfo": "text",
        "cliponaxis": False,
    }


def _gapped(lines: Sequence[Sequence[Any]], gap: Any = None) -> list[Any]:
    """The values of all lines, with one of no point between two."""
    return [value for line in lines for value in (gap, *line)][1:]


def _dense_line(value: float, axes: dict[str, str], dark: bool) -> dict[str, Any]:
    """The dense model's value, where the table prints one."""
    return {
        "type": "line",
        "xref": f"{axes['xaxis']} domain",
        "yref": axes["yaxis"],
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": {"color": ink(dark).dense, "dash": "dot", "width": 1.5},
        "layer": "below",
    }


def _dense_words(dense: Row, scale: Scale, axes: dict[str, str], dark: bool) -> dict[str, Any]:
    value = dense.value or 0.0
    return {
        "text": f"dense {dense.told}",
        "xref": f"{axes['xaxis']} domain",
        "yref": axes["yaxis"],
        "x": 1,
        "y": log10(value) if scale.log else value,
        "xanchor": "right",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 11, "color": ink(dark).muted},
    }


def _x(patterns: Sequence[str]) -> dict[str, Any]:
    return {
        "tickvals": list(range(len(patterns))),
        "ticktext": list(patterns),
        "range": [-0.5, len(patterns) - 0.5],
        "showgrid": False,
        "zeroline": False,
    }
