"""Error over depth: where the damage is made, and where it grows."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from nmviz.core.results import Column, Result, SiteError
from nmviz.core.settings import TARGETS, Target
from nmviz.views.explore.depth_sentence import depth_sentence
from nmviz.views.shared.numbers import uncertainty
from nmviz.views.shared.theme import COLOURS, DASHES, MARKERS, NAMES, empty, ink, style

Measure = Literal["local", "drift"]
LOG_FROM = 20
"""Values that span more than this factor are drawn on a log axis."""


def error_over_depth(
    results: Mapping[Column, Result],
    *,
    measure: Measure = "local",
    dark: bool = False,
    projection: str | None = None,
    selected: tuple[int, str] | None = None,
) -> go.Figure:
    """Relative error over block index, weights and activations in one plot.

    `local`: each layer on its dense input, as dots, with the median of a block as a line (or the
    line of one `projection`). `drift`: the hidden state after each block. `selected` is ringed.
    """
    lines = {
        target: line
        for target in TARGETS
        if target in results and (line := line_of(results[target], measure, projection))
    }
    if not lines:
        return empty(_why_empty(measure, projection), dark)
    figure = go.Figure()
    if measure == "local":
        for target in lines:
            figure.add_trace(_dots(results[target], target, _shift(target, lines), dark))
    for target, line in lines.items():
        figure.add_trace(_line(target, line, measure, projection))
    if selected is not None:
        figure.add_traces(_rings(results, lines, measure, selected, dark))
    style(figure, dark, height=340, title=depth_sentence(lines, _noun(measure, projection)))
    sampled = any(results[target].sampled for target in lines)
    _axes(figure, lines, measure, projection, sampled)
    return figure


def line_of(
    result: Result, measure: Measure = "local", projection: str | None = None
) -> dict[int, float]:
    """The value of every block, in order: the drift, one projection's error, or their median."""
    if measure == "drift":
        return {one.block: one.drift for one in result.drift if isfinite(one.drift)}
    sites = (site for site in sites_of(result) if projection in (None, site.projection))
    return medians((site.block, site.rel_error) for site in sites)


def medians(values: Iterable[tuple[int, float]]) -> dict[int, float]:
    """By block, in order, the median of the values that are given with it."""
    of_block: dict[int, list[float]] = {}
    for block, value in values:
        of_block.setdefault(block, []).append(value)
    return {block: float(np.median(of_block[block])) for block in sorted(of_block)}


def sites_of(result: Result) -> list[SiteError]:
    """Those whose error is known."""
    return [site for site in result.layers if isfinite(site.rel_error)]


def _dots(result: Result, target: Target, shift: float, dark: bool) -> go.Scatter:
    sites = sites_of(result)
    return go.Scatter(
        x=[site.block + shift for site in sites],
        y=[site.rel_error for site in sites],
        customdata=[[site.block, site.projection] for site in sites],
        text=[uncertainty(site) for site in sites],
        mode="markers",
        name=f"{NAMES[target]}, each layer",
        legendgroup=target,
        showlegend=False,
        opacity=0.55 if dark else 0.35,
        marker={"color": COLOURS[target], "symbol": MARKERS[target], "size": 5},
        hovertemplate=f"{NAMES[target]}, block %{{customdata[0]}}, %{{customdata[1]}}: "
        "%{y:.3f}%{text}<extra></extra>",
    )


def _line(
    target: Target, line: Mapping[int, float], measure: Measure, projection: str | None
) -> go.Scatter:
    what = "" if measure == "drift" else f"{projection or 'median layer'}: "
    return go.Scatter(
        x=list(line),
        y=list(line.values()),
        mode="lines+markers",
        name=NAMES[target],
        legendgroup=target,
        line={"color": COLOURS[target], "dash": DASHES[target], "width": 2.5},
        marker={"color": COLOURS[target], "symbol": MARKERS[target], "size": 6},
        hovertemplate=f"{NAMES[target]}, block %{{x}}, {what}%{{y:.3f}}<extra></extra>",
    )


def _rings(
    results: Mapping[Column, Result],
    lines: Mapping[Target, Mapping[int, float]],
    measure: Measure,
    selected: tuple[int, str],
    dark: bool,
) -> list[go.Scatter]:
    """One trace that rings the chosen layer on both sides; none where it was not pruned."""
    block, projection = selected
    places: list[tuple[float, float]] = []
    for target, line in lines.items():
        if measure == "drift":
            places += [(block, line[block])] if block in line else []
            continue
        chosen = [s for s in sites_of(results[target]) if (s.block, s.projection) == selected]
        places += [(block + _shift(target, lines), site.rel_error) for site in chosen]
    if not places:
        return []
    ring = {"symbol": "circle-open-dot", "size": 14, "color": ink(dark).text, "line": {"width": 2}}
    return [
        go.Scatter(
            x=[x for x, _ in places],
            y=[y for _, y in places],
            mode="markers",
            name=f"block {block}" if measure == "drift" else f"block {block}, {projection}",
            marker=ring,
            hoverinfo="skip",
        )
    ]


def _shift(target: Target, lines: Mapping[Target, Any]) -> float:
    """Dots of the two sides stand beside each other."""
    if len(lines) < 2:
        return 0.0
    return -0.15 if target == "weight" else 0.15


def _axes(
    figure: go.Figure,
    lines: Mapping[Target, Mapping[int, float]],
    measure: Measure,
    projection: str | None,
    sampled: bool,
) -> None:
    below = ""
    if measure == "local":
        below = f"<br>dots: every layer, line: {projection or 'median of the block'}"
        below += "; from a sample of the tokens" if sampled else ""
    figure.update_xaxes(title_text=f"block (0 = first){below}", showgrid=False, zeroline=False)
    blocks = {block for line in lines.values() for block in line}
    if len(blocks) <= 10:
        figure.update_xaxes(tickvals=sorted(blocks))
    unit = "drift of the hidden state" if measure == "drift" else "relative output error"
    figure.update_yaxes(title_text=f"{unit} (share)", **_scale(figure))


def _scale(figure: go.Figure) -> dict[str, Any]:
    values = [float(y) for trace in figure.data for y in trace.y]
    low, high = min(values), max(values)
    if low <= 0 or high / low <= LOG_FROM:
        return {"rangemode": "tozero"}
    ticks = _log_ticks(low, high)
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 of every decade; only the 1 where there are more than three."""
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    return [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]


def _noun(measure: Measure, projection: str | None) -> str:
    if measure == "drift":
        return "Drift"
    return f"Error of {projection}" if projection else "Error"


def _why_empty(measure: Measure, projection: str | None) -> str:
    if measure == "drift":
        return "The drift through the blocks is not measured here yet."
    which = f"{projection} layer" if projection else "layer"
    return f"No pruned {which} is measured here yet."
