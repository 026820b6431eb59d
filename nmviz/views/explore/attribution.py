"""What each block, or each layer, costs pruned alone: along the depth, and blocks x projections."""

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from nmviz.core.attribution.control import NOISE
from nmviz.core.results import Measurement, Result
from nmviz.core.settings import TARGETS, Target
from nmviz.views.explore.layer_grid import CIVIDIS, frame
from nmviz.views.explore.sensitivity import sensitivity_sentence
from nmviz.views.shared.floor_line import DOTTED, dotted_across
from nmviz.views.shared.floors import noise_of
from nmviz.views.shared.numbers import bar, significant
from nmviz.views.shared.theme import COLOURS, MARKERS, NAMES, empty, ink, style

Place = tuple[int, str | None]
"""A block, and its projection where that is pruned alone."""
Alone = Mapping[Place, Result]
WORDS = "cost of pruning it alone (nats a token)"
NOTHING = "Nothing is measured here yet."
CELL, ABOVE = 26, 90
"""Pixels of a row of the map, and of what stands above and below it."""


def alone(results: Sequence[Result], target: Target) -> dict[Place, Result]:
    """Of the results, those that prune one block alone, or one projection of it, in their order."""
    found: dict[Place, Result] = {}
    for result in results:
        asked, cost = result.experiment, result.get("delta_nll")
        if asked.target != target or cost is None or not isfinite(cost.value):
            continue
        if asked.blocks is not None and asked.blocks.isdecimal():
            names = asked.projections or ()
            found[int(asked.blocks), names[0] if len(names) == 1 else None] = result
    return found


def by_target(results: Sequence[Result]) -> dict[Target, dict[Place, Result]]:
    """`alone` of each target of which there is any."""
    runs = {target: alone(results, target) for target in TARGETS}
    return {target: of for target, of in runs.items() if of}


def name_of(place: Place) -> str:
    """`block 3`, or `block 3, down`."""
    block, projection = place
    return f"block {block}" if projection is None else f"block {block}, {projection}"


def along_the_depth(results: Sequence[Result], *, dark: bool = False) -> go.Figure:
    """Cost of pruning each block alone with its standard error, and hollow that of noise as large
    as what pruning takes from its layers."""
    runs = by_target(results)
    if not runs:
        return empty(NOTHING, dark)
    figure = go.Figure([one for target, of in runs.items() for one in _sides(target, of)])
    style(figure, dark, height=340, title=_sentence(runs))
    figure.add_hline(y=0, line={"color": ink(dark).muted, "width": 1}, layer="below")
    floor = noise_of([run for of in runs.values() for run in of.values()])
    if floor:
        figure.add_shape(dotted_across(floor, dark))
    figure.update_xaxes(title_text="block (0 = first)", zeroline=False)
    figure.update_yaxes(title_text=WORDS + (f"<br>{DOTTED}" if floor else ""), zeroline=False)
    return figure


def layer_map(
    results: Sequence[Result], *, dark: bool = False, selected: tuple[int, str] | None = None
) -> go.Figure:
    """Heatmaps of what each layer costs pruned alone, blocks x projections, a target each, with one
    colour scale; the selected layer is framed."""
    runs = by_target(results)
    if not runs:
        return empty(NOTHING, dark)
    grids = {target: grid(of) for target, of in runs.items()}
    titles = [NAMES[target] for target in grids]
    figure = make_subplots(len(grids), 1, subplot_titles=titles, vertical_spacing=0.16)
    largest = max(float(np.nanmax(costs)) for _, _, costs in grids.values())
    for row, (target, (blocks, projections, costs)) in enumerate(grids.items(), 1):
        said = [[_said(runs[target].get((b, p))) for b in blocks] for p in projections]
        cells = _map(blocks, projections, costs, said, largest)
        cells.update(name=NAMES[target], showscale=row == 1)
        figure.add_trace(cells, row, 1)
        if selected is not None and selected[0] in blocks and selected[1] in projections:
            place = selected[0], projections.index(selected[1])
            figure.add_shape(frame(*place, ink(dark).text), row=row, col=1)
    rows = sum(len(projections) for _, projections, _ in grids.values())
    style(figure, dark, height=ABOVE * len(grids) + CELL * rows + 40, title=_sentence(runs))
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_xaxes(title_text="block (0 = first)", row=len(grids), col=1)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def grid(runs: Alone) -> tuple[list[int], list[str], np.ndarray]:
    """Blocks in order, projections as they come, and costs [projections, blocks], gaps NaN."""
    blocks = sorted({block for block, _ in runs})
    projections = list(dict.fromkeys(name for _, name in runs if name is not None))
    costs = np.full((len(projections), len(blocks)), np.nan)
    for (block, name), run in runs.items():
        cost = run.get("delta_nll")
        if name is not None and cost is not None:
            costs[projections.index(name), blocks.index(block)] = cost.value
    return blocks, projections, costs


def _noise(run: Result) -> Measurement | None:
    """What noise as large costs, where that was measured and is a number."""
    found = run.get(NOISE)
    return found if found is not None and isfinite(found.value) else None


def _sides(target: Target, runs: Alone) -> list[go.Scatter]:
    """The costs of one target, and those of its noise where they are known."""
    shift = -0.14 if target == "weight" else 0.14
    costs = {place: run.get("delta_nll") for place, run in runs.items()}
    noise = {place: _noise(run) for place, run in runs.items()}
    shown = [_dots(target, costs, shift, NAMES[target], MARKERS[target])]
    if any(noise.values()):
        words = f"noise as large, {NAMES[target]}"
        shown.append(_dots(target, noise, shift, words, f"{MARKERS[target]}-open"))
    return shown


def _dots(
    target: Target,
    costs: Mapping[Place, Measurement | None],
    shift: float,
    name: str,
    symbol: str,
) -> go.Scatter:
    known = {place: cost for place, cost in costs.items() if cost is not None}
    return go.Scatter(
        x=[block + shift for block, _ in known],
        y=[cost.value for cost in known.values()],
        error_y={
            "type": "data",
            "array": [bar(cost) for cost in known.values()],
            "color": COLOURS[target],
            "thickness": 1,
            "width": 0,
        },
        customdata=[[block] for block, _ in known],
        text=[significant(bar(cost)) for cost in known.values()],
        mode="markers",
        name=name,
        marker={"color": COLOURS[target], "symbol": symbol, "size": 7},
        hovertemplate=f"{name}, block %{{customdata[0]}}: %{{y:.4f}} ± %{{text}}<extra></extra>",
    )


def _map(
    blocks: list[int],
    projections: list[str],
    costs: np.ndarray,
    said: list[list[str]],
    largest: float,
) -> go.Heatmap:
    return go.Heatmap(
        x=blocks,
        y=projections,
        z=costs,
        zmin=0,
        zmax=largest if largest > 0 else 1.0,
        colorscale=CIVIDIS,
        xgap=1,
        ygap=1,
        hoverongaps=False,
        colorbar={
            "title": {"text": WORDS, "side": "right", "font": {"size": 12}},
            "thickness": 10,
            "outlinewidth": 0,
        },
        customdata=[[[block, name] for block in blocks] for name in projections],
        text=said,
        hovertemplate="block %{x}, %{y}: %{text}<extra></extra>",
    )


def _said(run: Result | None) -> str:
    """`0.0123 ± 0.0021 nats a token, noise as large 0.004, noise floor 0.003`."""
    cost = None if run is None else run.get("delta_nll")
    if run is None or cost is None:
        return ""
    error = f" ± {significant(bar(cost))}" if bar(cost) else ""
    noise = _noise(run)
    beside = "" if noise is None else f", noise as large {significant(noise.value)}"
    floor = noise_of([run])
    beside += "" if floor is None else f", noise floor {significant(floor)}"
    return f"{significant(cost.value)}{error} nats a token{beside}"


def _sentence(runs: Mapping[Target, Alone]) -> str:
    named = {t: {name_of(place): run for place, run in of.items()} for t, of in runs.items()}
    return sensitivity_sentence(named)
