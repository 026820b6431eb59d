"""What the panel of tasks has to choose from, and what its settings mean."""

from collections.abc import Sequence
from typing import Any

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.sources.tasks import SETS, TASKS

TITLE = "Questions and answers (zero-shot tasks)"
FIELDS = ("tasks", "limit", "chat")
"""The settings, in the order in which their values follow those of the form."""
OFFERED = {task.name: task.title for task in TASKS.values() if task.rows is not None}
"""What can be asked without a network: all but IFEval, which `nmviz run` has."""
CHOSEN, LIMIT = SETS["core"], 100


def read_questions(values: Sequence[Any]) -> dict[str, Any]:
    """How tasks are run, as fields of an experiment. UserError for what the panel does not have."""
    names, limit, chat = values
    if not names:
        raise UserError("Choose at least one task.")
    if not set(names) <= set(OFFERED):
        raise UserError("Choose only tasks that the panel lists.")
    if not limit:
        raise UserError("Say how many examples of each task are asked.")
    return {"tasks": tuple(names), "limit": limit, "chat": bool(chat)}


def refusal() -> str:
    """Why no task can be run here, in a sentence, or an empty string."""
    try:
        service.check_tasks_installed()
    except UserError as reason:
        return str(reason)
    return ""
