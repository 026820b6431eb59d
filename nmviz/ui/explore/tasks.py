"""Events of the panel of tasks."""

from collections.abc import Callable
from functools import partial
from typing import Any

from nmviz.ui.explore import changes
from nmviz.ui.explore.components import Page
from nmviz.ui.explore.panels import zero_shot
from nmviz.ui.explore.panels.measured import Why
from nmviz.ui.explore.panels.zero_shot_choices import FIELDS
from nmviz.ui.shell.events import ANSWERED, FROM_STORE, begun_by


def questions(page: Page, on: Callable[..., Any], why: Why = "moved") -> None:
    """What the store has of the tasks, and which answers changed, after an event."""
    function = page.shared(partial(zero_shot.found, why=why), 1, on=["store"])
    inputs = [*page.form, *page.these(*FIELDS, "tasks_of")]
    outputs = page.these(*zero_shot.OUTPUTS)
    found = on(fn=function, inputs=inputs, outputs=outputs, **ANSWERED)
    changes.answers(page, found.then)


def wire_tasks(page: Page) -> None:
    """The panel follows its own settings, and compares with the run that is chosen."""
    tasks, limit, chat, other, compared = page.these(*FIELDS, "tasks_with", "tasks_compared")
    events = [tasks.input, limit.submit, limit.blur, chat.input]
    questions(page, begun_by(*events))
    function = page.answer(
        lambda values, key: {"tasks_compared": zero_shot.compared(values, key)}, 1
    )
    other.input(function, [*page.form, tasks, limit, chat, other], compared, **FROM_STORE)
