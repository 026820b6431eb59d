"""One projection pruned at a time, the rest dense: which one costs the model most."""

from collections.abc import Mapping, Sequence
from math import isfinite

import plotly.graph_objects as go

from nmviz.core.pairing import judge
from nmviz.core.results import Measurement, Result
from nmviz.core.settings import TARGETS, Target
from nmviz.views.shared.floor_line import DOTTED, dotted
from nmviz.views.shared.floors import noise_of
from nmviz.views.shared.numbers import BARS, bar, interval, significant
from nmviz.views.shared.theme import COLOURS, MARKERS, NAMES, empty, ink, name_rows, style

Costs = Mapping[str, Measurement]
Runs = Mapping[str, Result]
"""By projection: the run that prunes it alone."""

ROW = 38


def sensitivity(results: Sequence[Result], *, dark: bool = False) -> go.Figure:
    """Cost of pruning each projection alone, with its standard error, the dearest on top."""
    runs = {target: alone(results, target) for target in TARGETS}
    costs = {target: _costs(of) for target, of in runs.items() if of}
    if not costs:
        return empty("Nothing is measured here yet.", dark)
    names = by_cost(costs)
    figure = go.Figure([_dots(target, of, names, len(costs)) for target, of in costs.items()])
    style(figure, dark, height=110 + ROW * len(names), title=sensitivity_sentence(runs))
    figure.add_vline(x=0, line={"color": ink(dark).muted, "width": 1}, layer="below")
    floor = noise_of([run for of in runs.values() for run in of.values()])
    if floor:
        figure.add_vline(x=floor, line=dotted(dark), layer="below")
    name_rows(figure, names)
    title = "cost of pruning this projection alone<br>(difference in mean NLL, nats a token)"
    if any(bar(cost) for of in costs.values() for cost in of.values()):
        title += f"<br>{BARS}"
    if floor:
        title += f"<br>{DOTTED}"
    figure.update_xaxes(title_text=title, zeroline=False)
    return figure


def costs_of(results: Sequence[Result], target: Target) -> dict[str, Measurement]:
    """The difference in mean NLL by projection, of the results that prune one projection alone."""
    return _costs(alone(results, target))


def alone(results: Sequence[Result], target: Target) -> dict[str, Result]:
    """Of the results, those that prune one projection alone, by its name."""
    found = {}
    for result in results:
        alone = result.experiment.projections or ()
        cost = result.get("delta_nll")
        if result.experiment.target != target or len(alone) != 1 or cost is None:
            continue
        if isfinite(cost.value):
            found[alone[0]] = result
    return found


def _costs(runs: Runs) -> dict[str, Measurement]:
    costs = {name: run.get("delta_nll") for name, run in runs.items()}
    return {name: cost for name, cost in costs.items() if cost is not None}


def by_cost(costs: Mapping[Target, Costs]) -> list[str]:
    """Projections, the dearest on either side first."""
    names = {name for of in costs.values() for name in of}

    def dearest(name: str) -> float:
        return max(of[name].value for of in costs.values() if name in of)

    return sorted(names, key=lambda name: (-dearest(name), name))


def sensitivity_sentence(runs: Mapping[Target, Runs]) -> str:
    """Which projection costs most on each side, and whether that stands out of the noise."""
    costs = {target: _costs(of) for target, of in runs.items() if of}
    top = {
        target: max(of, key=lambda name: of[name].value)
        for target, of in costs.items()
        if _stands_out(of)
    }
    nothing = [NAMES[target] for target in costs if target not in top]
    quiet = f"nothing stands out of the noise for {' and '.join(nothing)}" if nothing else ""
    if not top:
        return f"Pruned one at a time, {quiet}"
    parts: list[str] = []
    same = len(top) == 2 and len(set(top.values())) == 1
    for target, name in top.items():
        number = significant(costs[target][name].value) + ("" if parts else " nats a token")
        whose = f"{number} for {NAMES[target]}"
        parts.append(whose if same else f"{name} for {NAMES[target]} ({number})")
    which = (
        f"{next(iter(top.values()))} costs most on both sides:" if same else "what costs most is"
    )
    said = f"Pruned alone, {which} {', '.join(parts)}"
    doubts = _doubts({target: runs[target] for target in top}, top)
    return "; ".join(part for part in (said, quiet, doubts) if part)


def _stands_out(costs: Costs) -> bool:
    """Whether any cost is above zero for certain, or none has an interval to tell by."""
    reaches = [interval(cost) for cost in costs.values()]
    return any(reach is None or reach[0] > 0 for reach in reaches)


def _doubts(runs: Mapping[Target, Runs], top: Mapping[Target, str]) -> str:
    """Which others the dearest cannot be told from, or that nothing is known to tell by."""
    rivals = {target: _rivals(of, top[target]) for target, of in runs.items()}
    if any(found is None for found in rivals.values()):
        return "without an interval for all, the order may be noise"
    said = [
        f"for {NAMES[target]}, {top[target]} cannot be told from {_listed(found)}"
        for target, found in rivals.items()
        if found
    ]
    return "; ".join(said)


def _rivals(runs: Runs, top: str) -> list[str] | None:
    """Projections that `top` may not cost more than; None when one has no interval."""
    found = {name: judge(runs[top], run) for name, run in runs.items() if name != top}
    if "no interval" in found.values():
        return None
    return [name for name, verdict in found.items() if verdict != "real"]


def _listed(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{len(names)} others"
    return ", ".join(names)


def _dots(target: Target, costs: Costs, names: Sequence[str], sides: int) -> go.Scatter:
    """One dot a projection; the two sides stand a little above and below the line."""
    shift = 0.0 if sides < 2 else -0.14 if target == "weight" else 0.14
    shown = [name for name in names if name in costs]
    values = [costs[name].value for name in shown]
    return go.Scatter(
        x=values,
        y=[names.index(name) + shift for name in shown],
        error_x={
            "type": "data",
            "array": [bar(costs[name]) for name in shown],
            "color": COLOURS[target],
            "thickness": 1.5,
            "width": 3,
        },
        customdata=[[name, _said(bar(costs[name]))] for name in shown],
        mode="markers",
        name=NAMES[target],
        marker={"color": COLOURS[target], "symbol": MARKERS[target], "size": 9},
        hovertemplate=f"{NAMES[target]}, %{{customdata[0]}}: %{{x:.4f}}%{{customdata[1]}}"
        "<extra></extra>",
    )


def _said(error: float) -> str:
    return f" ± {significant(error)}" if error else ", standard error not known"
