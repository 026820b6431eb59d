"""Quality against cost: a point an experiment, the frontier of every model drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from nmviz.core.results import Column
from nmviz.hardware.known import Knowledge
from nmviz.methods.patterns import parse_pattern
from nmviz.views.shared.floor_line import DOTTED, dotted_across
from nmviz.views.shared.theme import MARKERS, NAMES, empty, figure_of, ink
from nmviz.views.tradeoffs.known import marked

NOTHING = "Nothing to draw: choose other models, patterns or methods, or another cost."
SMALL, STEP = 7, 2
TARGETS: tuple[Column, ...] = ("activation", "weight", "blocks", "dense")


@dataclass(frozen=True)
class Dot:
    """One point: `text` is what its hover says, `query` the address that opens it in Explore, None
    where nothing does; its cost lies from `low` to `high`, None where it is one number."""

    model: str
    target: Column
    pattern: str
    cost: float
    value: float
    error: float | None
    on_frontier: bool
    tied: bool
    marked: bool
    text: str
    query: str | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Axes:
    """What the two axes are, and how each is known; `floor` is what rounding alone does to the
    quality, where that is known."""

    cost: str
    cost_known: Knowledge
    quality: str
    quality_known: Knowledge
    higher: bool
    log: bool = False
    floor: float | None = None


def frontier_figure(
    dots: Sequence[Dot], axes: Axes, title: str, *, dark: bool = False
) -> go.Figure:
    """Weights, activations and dense by colour and mark, patterns by size, one standard error as a
    bar; hollow is what the audit marked."""
    if not dots:
        return empty(NOTHING, dark)
    traces = [_line(dots, model, dark) for model in dict.fromkeys(one.model for one in dots)]
    traces += [
        _points([one for one in dots if one.target == target], target, dark)
        for target in TARGETS
        if any(one.target == target for one in dots)
    ]
    better = "higher" if axes.higher else "lower"
    quality = f"{axes.quality}<br>{better} is better ({marked(axes.quality_known)})"
    quality += f"<br>{DOTTED}" if axes.floor else ""
    layout = {
        "shapes": [dotted_across(axes.floor, dark)] if axes.floor else [],
        "xaxis": {"title": {"text": f"{axes.cost}<br>({marked(axes.cost_known)})"}},
        "yaxis": {"title": {"text": quality}, "type": "log" if axes.log else "linear"},
    }
    return figure_of(traces, layout, dark, height=460, title=title)


def _points(dots: Sequence[Dot], target: Column, dark: bool) -> dict[str, Any]:
    colour, symbol = ink(dark).colour(target), MARKERS[target]
    return {
        "type": "scatter",
        "x": [one.cost for one in dots],
        "y": [one.value for one in dots],
        "mode": "markers",
        "name": NAMES[target],
        "customdata": [one.query for one in dots],
        "marker": {
            "color": colour,
            "opacity": [0.95 if one.on_frontier or one.tied else 0.45 for one in dots],
            "size": [size_of(one.pattern) for one in dots],
            "symbol": [symbol + ("-open" if one.marked else "") for one in dots],
            "line": {"width": 1.5, "color": colour},
        },
        "error_y": {
            "type": "data",
            "array": [one.error or 0 for one in dots],
            "thickness": 1,
            "width": 2,
            "color": colour,
        },
        **_ranges(dots, colour),
        "hovertext": [one.text for one in dots],
        "hoverinfo": "text",
    }


def _ranges(dots: Sequence[Dot], colour: str) -> dict[str, Any]:
    """Bars from the least to the most that a cost may be; none where every cost is one number."""
    above = [max((one.high or one.cost) - one.cost, 0.0) for one in dots]
    below = [max(one.cost - (one.low or one.cost), 0.0) for one in dots]
    if not any(above) and not any(below):
        return {}
    bar = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
    return {"error_x": {**bar, "thickness": 1, "width": 2, "color": colour}}


def _line(dots: Sequence[Dot], model: str, dark: bool) -> dict[str, Any]:
    """Steps: what costs no more is no better than the corner to the left."""
    own = sorted((d for d in dots if d.model == model and d.on_frontier), key=lambda d: d.cost)
    return {
        "type": "scatter",
        "x": [one.cost for one in own],
        "y": [one.value for one in own],
        "mode": "lines",
        "line": {"shape": "hv", "color": ink(dark).muted, "width": 1.2},
        "name": f"frontier, {escape(model)}",
        "showlegend": False,
        "hoverinfo": "skip",
    }


def size_of(pattern: str) -> int:
    """Wider groups are larger; P% is the largest, as it has no groups."""
    mask = parse_pattern(pattern)
    if mask.is_dense:
        return SMALL + 3
    if mask.group is None:
        return SMALL + 5 * STEP
    return SMALL + STEP * min(max(mask.group.bit_length() - 3, 0), 4)
