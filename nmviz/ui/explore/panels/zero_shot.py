"""Questions and answers: zero-shot tasks asked of the dense and both pruned models."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from nmviz import service
from nmviz.base.wording import listed
from nmviz.core.asking import LINE_BREAK, remarks
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import smallest_difference
from nmviz.core.results import COLUMNS, Column, Result
from nmviz.service import pruned_in_words
from nmviz.sources.tasks import TASKS
from nmviz.ui.explore.form.values import view_of
from nmviz.ui.explore.panels.measured import Asked, Measured, takes
from nmviz.ui.explore.panels.origin import origin
from nmviz.ui.explore.panels.zero_shot_choices import FIELDS, TITLE, read_questions, refusal
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.html import esc, note, quantity, table
from nmviz.ui.shell.limits import check_questions
from nmviz.views.explore.task_accuracies import (
    Difference,
    Results,
    accuracy,
    differences,
    of_each_task,
    task_accuracies,
)
from nmviz.views.shared import numbers
from nmviz.views.shared.theme import NAMES, title_of

OUTPUTS = (
    *(
        "tasks_of",
        "tasks_wanted",
        "tasks_head",
        "tasks_figure",
        "tasks_plot",
        "tasks_table",
        "tasks_bar",
    ),
    *("tasks_others", "tasks_with", "tasks_compared"),
)
WAIT = "Running: the first numbers come when the first task is answered."


def panel(asked: Asked, results: Sequence[Result], message: str = "") -> Update:
    """Figure and table of what is answered."""
    shown = {_column(result.experiment): result for result in results}
    figure = task_accuracies(shown)
    if not title_of(figure):
        said = PANEL.without_results(message or note(WAIT), offered=True)
        return {**said, **_others(None)}
    partial = any(result.partial for result in results)
    so_far = " Partial: not every task is answered yet." if partial else ""
    words = f'<p class="words">{esc(title_of(figure))}.{so_far}</p>'
    one = asked.view.experiment
    plot = drawn(figure, f"nmviz-tasks-{one.model}-{one.pattern}")
    below = _table(shown) + _legend(shown) + _remarks(shown) + origin(shown, stored=not partial)
    activation = shown.get("activation")
    whole = activation.experiment if activation and not activation.partial else None
    return {**PANEL.with_results(asked, words + message, plot, below), **_others(whole)}


def compared(values: Sequence[Any], key: Any) -> str:
    """The chosen other run beside the one on activations: difference and p value by task."""
    try:
        *_, activation = asked_of(values).experiments
        chosen = {one.key: one for one in service.same_questions(activation)}.get(str(key))
        if chosen is None:
            return ""
        found = of_each_task(service.compare(activation, chosen), activation.tasks)
        what = f"{pruned_in_words(activation)}, minus {pruned_in_words(chosen)}"
        rows = [[_task(name), _difference(one), str(one[0].n)] for name, one in found.items()]
        return table(what, ["task", "difference", "examples"], rows)
    except Exception as error:
        return note(sentence(error), "error")


def asked_of(values: Sequence[Any]) -> Asked:
    """The dense model and both pruned ones with the tasks. UserError for a wrong setting."""
    view = view_of(values[: -len(FIELDS)], "tasks")
    service.refuse_large(view.experiment.model)
    how = read_questions(values[-len(FIELDS) :])
    weight, activation = (one.but(**how) for one in view.experiments())
    return Asked(view, (activation.but(pattern="dense"), weight, activation))


def _stored(asked: Asked, results: Sequence[Result | None]) -> Update:
    found = [result for result in results if result is not None]
    pairs = zip(asked.experiments, results, strict=True)
    missing = [one for one, result in pairs if result is None]
    if not missing:
        return {**panel(asked, found), **PANEL.bar(False)}
    too_many = PANEL.refusal(asked)
    said = _not_yet(missing, too_many) + (note(why, "warning") if (why := refusal()) else "")
    if found:
        return {**panel(asked, found, said), **PANEL.bar(not too_many)}
    return {**PANEL.without_results(said, offered=not too_many), **_others(None)}


def _not_yet(missing: Sequence[Experiment], too_many: str) -> str:
    names = listed(NAMES[_column(one)] for one in missing)
    if too_many:
        return f'<p class="words">{esc(f"Not run yet for {names}.")}</p>{note(too_many)}'
    asked = sum(TASKS.get(name).count(one.limit) for one in missing for name in one.tasks)
    time = takes(missing, "told once the first few are answered")
    said = f"Not run yet for {names}: {asked:,} examples. Time: {time}."
    return f'<p class="words">{esc(said)}</p>'


def _others(activation: Experiment | None) -> Update:
    """The menu of runs that were asked the same, where there are any."""
    same = service.same_questions(activation) if activation else ()
    choices = [(pruned_in_words(one), one.key) for one in same]
    return {
        "tasks_others": gr.Column(visible=bool(choices)),
        "tasks_with": gr.Dropdown(choices=choices, value=None),
        "tasks_compared": "",
    }


def _column(experiment: Experiment) -> Column:
    return "dense" if experiment.mask.is_dense else experiment.target


def _table(shown: Results) -> str:
    names = next(iter(shown.values())).experiment.tasks
    dense = shown.get("dense")
    columns: list[Column] = [column for column in COLUMNS if column in shown]
    apart = {
        column: differences(shown[column], dense)
        for column in columns
        if dense and column != "dense"
    }
    rows = [
        [
            _task(name),
            *(_level(shown[column], name) for column in columns),
            *(_difference(found.get(name)) for found in apart.values()),
            _chance(name),
            _count(shown, name),
        ]
        for name in names
    ]
    minus = [f"{NAMES[column]} minus dense" for column in apart]
    heads = ["task", *(NAMES[column] for column in columns), *minus, "by guessing", "examples"]
    return table("Right answers, and what pruning changes on the same examples", heads, rows)


def _legend(shown: Results) -> str:
    """What the columns mean, and what so few examples cannot show."""
    count = next((one.n for r in shown.values() for one in r.measurements if one.task), None)
    least = smallest_difference(count) if count else None
    few = (
        f" {count} examples of a task show no difference below {100 * least:.0f} points."
        if least
        else ""
    )
    right, minus = quantity("acc", "right answers"), quantity("acc_difference", "differences")
    return (
        f'<p class="words">Shares of {right} and {minus} in percentage points, each ± one standard '
        f"error; p: {quantity('acc_p', 'could it be chance')} (exact McNemar test).{esc(few)}</p>"
    )


def _remarks(shown: Results) -> str:
    """What stands beside the numbers because of how the tasks were asked, each said once."""
    said: dict[str, None] = {}
    for result in shown.values():
        for name in result.experiment.tasks:
            for one in remarks(result, name):
                said[one if one == LINE_BREAK else f"{TASKS.get(name).title}: {one}"] = None
    return "".join(note(one) for one in said)


def _task(name: str) -> str:
    return esc(TASKS.get(name).title)


def _level(result: Result, task: str) -> str:
    level = accuracy(result, task)
    return "&ndash;" if level is None else esc(numbers.share(level.value, level.stderr))


def _chance(task: str) -> str:
    chance = TASKS.get(task).chance
    return "&ndash;" if chance is None else f"{chance:.0%}"


def _count(shown: Mapping[Column, Result], task: str) -> str:
    levels = [one for result in shown.values() if (one := accuracy(result, task))]
    return f"{levels[0].n:,}" if levels and levels[0].n else "&ndash;"


def _difference(found: Difference | None) -> str:
    if found is None:
        return "&ndash;"
    apart, p = found
    error = None if apart.stderr is None else 100 * apart.stderr
    said = numbers.with_error(100 * apart.value, error, signed=True)
    chance = "p &lt; 0.001" if p.value < 0.001 else f"p = {numbers.significant(p.value)}"
    return f"{esc(said)} ({chance})"


PANEL = Measured(
    name="tasks",
    title=TITLE,
    ask=asked_of,
    check=lambda asked: check_questions(asked.experiments),
    stored=_stored,
    drawn=panel,
    unit="examples",
)
found, measure = PANEL.found, PANEL.measure
