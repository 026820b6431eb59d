"""How lm-eval asked a task, as its files say it: examples in the prompt, how many questions, and in
the model's chat template or not. What differs in it is another experiment."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from nmviz.base.errors import UserError
from nmviz.core.settings import LARGEST_BUDGET
from nmviz.store.transfer.columns import Column, values
from nmviz.store.transfer.files import shown

MOST_SHOTS = 10_000
FEWEST = 2
"""Questions without which there is no standard error."""


class Asked(NamedTuple):
    """Fields of an Experiment. `shots` and `limit` None: not known, and all examples."""

    shots: int | None
    limit: int | None
    chat: bool


def asked(document: Mapping[str, Any], tasks: list[str], where: str) -> dict[str, Asked]:
    """How each of these tasks was asked. UserError for a value that is none.

    A task of which the file says no shots has those of all others, where they have the same.
    """
    told = {task: values(_shots_of(task), document, where)["shots"] for task in tasks}
    known = {shots for shots in told.values() if shots is not None}
    usual = known.pop() if len(known) == 1 else None
    chat = document.get("chat_template") is not None
    return {
        task: Asked(usual if shots is None else shots, _limit(document, task, where), chat)
        for task, shots in told.items()
    }


def shots_of(value: Any, where: str) -> int:
    """A count of solved examples. UserError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_SHOTS:
        raise UserError(f"{where}: it is no number of examples in a prompt.")
    return value


def whole_limit(value: Any, where: str) -> int:
    """A limit that counts questions. A share of them, or one, gives 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= LARGEST_BUDGET:
        raise UserError(f"{where}: it is no number of questions.")
    return int(value) if value >= FEWEST else 0


LIMIT = (Column("limit", "config.limit", whole_limit),)


def _shots_of(task: str) -> tuple[Column, ...]:
    """Beside the results, else in the task's own configuration."""
    return (
        Column("shots", ("n-shot", task), shots_of),
        Column("shots", ("configs", task, "num_fewshot"), shots_of),
    )


def _limit(document: Mapping[str, Any], task: str, where: str) -> int | None:
    """`config.limit`; where that is a share, the questions that it left."""
    limit: int | None = values(LIMIT, document, where)["limit"]
    if limit != 0:
        return limit
    left = _left(document, task, 0)
    if not FEWEST <= left <= LARGEST_BUDGET:
        raise UserError(
            f"{where} at config.limit: it leaves one question of {shown(task)} or does not say how "
            "many, and one has no standard error; measure with a limit of at least 2."
        )
    return left


def _left(document: Mapping[str, Any], task: str, depth: int) -> int:
    """Questions scored of a task, or of all parts of a group."""
    count = _part(_part(document, "n-samples"), task).get("effective")
    if isinstance(count, int) and not isinstance(count, bool):
        return count
    parts = _part(document, "group_subtasks").get(task)
    names = [name for name in parts if isinstance(name, str)] if isinstance(parts, list) else []
    return sum(_left(document, name, depth + 1) for name in names) if depth < 5 else 0


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}
