"""What the panel of tasks has to choose from, and what its settings mean."""

from collections.abc import Mapping, Sequence
from typing import Any, Self
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.base.validation import built
from nmviz.core.settings import LARGEST_BUDGET, Settings
from nmviz.sources.tasks import SETS, TASKS, read_tasks

TITLE = "Questions and answers (zero-shot tasks)"
FIELDS = ("tasks", "limit", "chat")
"""The settings, in the order in which their values follow those of the form."""
OFFERED = {task.name: task.title for task in TASKS.values() if task.rows is not None}
"""What can be asked without a network: all but IFEval, which `nmviz run` has."""
CHOSEN, LIMIT = SETS["core"], 100


def _title(name: str) -> str:
    return str(Settings.model_fields[name].title)


class Questions(BaseModel):
    """The panel's settings as an address carries them: which tasks, how many examples, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: tuple[str, ...] = Field(read_tasks(CHOSEN), title=_title("tasks"))
    limit: int = Field(LIMIT, ge=2, le=LARGEST_BUDGET, title=_title("limit"))
    chat: bool = Field(False, title=_title("chat"))

    @classmethod
    def build(cls, fields: Mapping[str, Any]) -> Self:
        """The settings of these values. UserError, one sentence, for the first that is wrong."""
        return built(cls, fields)

    @field_validator("tasks", mode="before")
    @classmethod
    def _offered(cls, given: Any) -> Any:
        names = given.split(",") if isinstance(given, str) else given or ()
        if not isinstance(names, (list, tuple)):
            raise ValueError("Tasks are a list of names such as arc_easy,piqa.")
        try:
            tasks = read_tasks([str(name).strip() for name in names])
        except UserError as error:
            raise ValueError(str(error)) from None
        if not set(tasks) <= set(OFFERED):
            raise ValueError("Choose only tasks that the panel lists.")
        return tasks

    def to_query(self) -> str:
        """What differs from the default, as part of an address."""
        fields = self.model_dump()
        changed = {
            name: v for name, v in fields.items() if v != type(self).model_fields[name].default
        }
        if "tasks" in changed:
            changed["tasks"] = ",".join(changed["tasks"])
        return urlencode(changed)


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
