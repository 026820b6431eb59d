"""Zero-shot tasks: how many answers are right, dense, weights and activations side by side."""

from collections.abc import Mapping, Sequence
from math import isfinite
from statistics import fmean

import plotly.graph_objects as go

from nmviz.base.errors import UserError
from nmviz.base.wording import listed
from nmviz.core.pairing import CORRECTION, paired, stands_out
from nmviz.core.results import COLUMNS, Column, Measurement, Result
from nmviz.sources.tasks import TASKS
from nmviz.views.shared.numbers import BARS, bar, share
from nmviz.views.shared.theme import MARKERS, NAMES, empty, ink, name_rows, style

Results = Mapping[Column, Result]
Difference = tuple[Measurement, Measurement]

ROW = 46
APART = 0.2
MOST_NAMED = 3


def task_accuracies(results: Results, *, dark: bool = False) -> go.Figure:
    """Accuracy by task with its standard error, and what guessing would give."""
    levels = {column: found for column in COLUMNS if (found := _levels(results.get(column)))}
    if not levels:
        return empty("No task is answered yet.", dark)
    names = [name for name in TASKS if any(name in found for found in levels.values())]
    figure = go.Figure(
        [_dots(column, found, names, ink(dark).colour(column)) for column, found in levels.items()]
    )
    if any(TASKS.get(name).chance is not None for name in names):
        figure.add_trace(_chance(names, ink(dark).muted))
    style(figure, dark, height=112 + ROW * len(names), title=tasks_sentence(results))
    name_rows(figure, [TASKS.get(name).title for name in names])
    known = any(bar(one) for found in levels.values() for one in found.values())
    title = "right answers (accuracy), %" + (f"<br>{BARS}" if known else "")
    figure.update_xaxes(title_text=title, zeroline=False)
    return figure


def accuracy(result: Result, task: str) -> Measurement | None:
    """The first metric of a task, which its dense and pruned models are compared by."""
    return result.get(TASKS.get(task).metrics[0], task)


def differences(result: Result, other: Result) -> dict[str, Difference]:
    """The first minus the second by task, with its p value; of tasks that both have answered.

    Empty where they were not asked the same examples.
    """
    try:
        both = paired(result, other)
    except UserError:
        return {}
    return of_each_task(both, result.experiment.tasks)


def of_each_task(both: Sequence[Measurement], tasks: Sequence[str]) -> dict[str, Difference]:
    """Paired figures (see `pairing.paired`) by task, of its first metric."""
    named = {(one.metric, one.task): one for one in both}
    found = {}
    for task in tasks:
        metric = TASKS.get(task).metrics[0]
        difference, p = (named.get((f"{metric}_{part}", task)) for part in ("difference", "p"))
        if difference is not None and p is not None:
            found[task] = (difference, p)
    return found


def tasks_sentence(results: Results) -> str:
    """Who answers how much right, and on which tasks that is more than chance."""
    levels = {column: found for column in COLUMNS if (found := _levels(results.get(column)))}
    shared = [name for name in TASKS if levels and all(name in each for each in levels.values())]
    if not shared:
        return f"Answered so far by {listed(NAMES[column] for column in levels)}"
    where = f"Over {len(shared)} tasks" if len(shared) > 1 else f"On {TASKS.get(shared[0]).title}"
    means = {
        column: fmean(found[name].value for name in shared) for column, found in levels.items()
    }
    said = listed(f"{NAMES[column]} {share(mean)}" for column, mean in means.items())
    return f"{where}, right answers: {said}{_beyond_chance(results)}"


def _beyond_chance(results: Results) -> str:
    dense = results.get("dense")
    apart = {
        column: found
        for column, result in results.items()
        if dense and column != "dense" and (found := differences(result, dense))
    }
    if not apart:
        return ""
    count = sum(map(len, apart.values()))
    told = {
        column: [
            TASKS.get(task).title for task, (_, p) in found.items() if stands_out(p.value, count)
        ]
        for column, found in apart.items()
    }
    if not any(told.values()):
        return f"; no difference to dense is more than chance could make{_of(count)}"
    said = ", ".join(
        f"{NAMES[column]} on {_some(names, len(apart[column]))}" for column, names in told.items()
    )
    return f"; beyond chance differ from dense: {said}{_of(count)}"


def _of(count: int) -> str:
    """How many comparisons chance had, and what is asked of each for that."""
    return f" ({CORRECTION} for {count} comparisons)" if count > 1 else ""


def _some(names: Sequence[str], of: int) -> str:
    if len(names) == of > 1:
        return f"all {of}"
    return listed(names) if 0 < len(names) <= MOST_NAMED else f"{len(names) or 'none'} of {of}"


def _levels(result: Result | None) -> dict[str, Measurement]:
    tasks = result.experiment.tasks if result else ()
    found = {name: one for name in tasks if result and (one := accuracy(result, name))}
    return {name: one for name, one in found.items() if isfinite(one.value)}


def _dots(
    column: Column, levels: Mapping[str, Measurement], names: Sequence[str], colour: str
) -> go.Scatter:
    """One dot a task; the three stand below each other within its row."""
    shown = [name for name in names if name in levels]
    shift = APART * (COLUMNS.index(column) - 1)
    return go.Scatter(
        x=[100 * levels[name].value for name in shown],
        y=[names.index(name) + shift for name in shown],
        error_x={
            "type": "data",
            "array": [100 * bar(levels[name]) for name in shown],
            "color": colour,
            "thickness": 1.5,
            "width": 3,
        },
        customdata=[[TASKS.get(name).title, _said(levels[name])] for name in shown],
        mode="markers",
        name=NAMES[column],
        marker={"color": colour, "symbol": MARKERS[column], "size": 9},
        hovertemplate=f"%{{customdata[0]}}, {NAMES[column]}: %{{customdata[1]}}<extra></extra>",
    )


def _said(level: Measurement) -> str:
    counted = f" of {level.n:,}" if level.n else ""
    return f"{share(level.value, level.stderr)}{counted}"


def _chance(names: Sequence[str], colour: str) -> go.Scatter:
    """A tick where guessing would be."""
    known = [(TASKS.get(name), place) for place, name in enumerate(names)]
    shown = [(100 * task.chance, place) for task, place in known if task.chance is not None]
    return go.Scatter(
        x=[chance for chance, _ in shown],
        y=[place for _, place in shown],
        mode="markers",
        name="by guessing",
        marker={"symbol": "line-ns", "size": 26, "line": {"width": 1.5, "color": colour}},
        hovertemplate="by guessing: %{x:.0f}%<extra></extra>",
    )
