"""Answers that changed: examples of tasks that came out otherwise once the model was pruned."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nmviz.core.answers.item_flips import ItemFlip
from nmviz.core.results import Column
from nmviz.sources.task_items import Item
from nmviz.sources.tasks import TASKS
from nmviz.views.shared.theme import NAMES

HEADS = (
    *("question", "task", "pruned", "what changed", "right answer"),
    *("dense model's answer", "pruned model's answer"),
)
KINDS = ("right to wrong", "wrong to right")
LONGEST = 160
"""Characters of a question or an answer that are shown."""
NOT_HERE = "The questions are not on this machine: examples are shown by their numbers."


@dataclass(frozen=True)
class ChangedAnswer:
    """One example of a task under the model with that pruned; without `item` only where it is."""

    target: Column
    task: str
    flip: ItemFlip
    item: Item | None

    @cached_property
    def searched(self) -> str:
        """What a search for words goes through."""
        return "\n".join(self.texts).casefold()

    @property
    def texts(self) -> tuple[str, str, str, str]:
        """Question, right answer, the dense model's and the pruned model's."""
        if self.item is None:
            known = (self.flip.before, self.flip.after)
            before, after = ("" if one is None else f"answer {one + 1}" for one in known)
            return f"example {self.flip.item + 1:,}", "", before, after
        given = [self.item.answer(one) for one in (self.flip.before, self.flip.after)]
        return self.item.question, self.item.answer(self.item.right), given[0], given[1]


def chosen(
    rows: Sequence[ChangedAnswer], target: str = "", kind: str = "", words: str = ""
) -> list[ChangedAnswer]:
    """The rows of a target, of a kind, and with these words in them, or of all where one is
    empty."""
    wanted = words.casefold()
    return [
        one
        for one in rows
        if target in ("", one.target) and kind in ("", one.flip.kind) and wanted in one.searched
    ]


def cells(row: ChangedAnswer) -> tuple[str, ...]:
    """What stands under `HEADS`."""
    question, *answers = (short(text) or "\N{EN DASH}" for text in row.texts)
    return question, TASKS.get(row.task).title, NAMES[row.target], row.flip.kind, *answers


def record(row: ChangedAnswer) -> dict[str, Any]:
    """The same for a file, with the numbers of the example, from 0, and of the answers."""
    question, right, dense, pruned = map(short, row.texts)
    return {
        "question": question,
        "task": row.task,
        "target": row.target,
        "what_changed": row.flip.kind,
        "right": right,
        "dense": dense,
        "pruned": pruned,
        "item": row.flip.item,
        "dense_answer": row.flip.before,
        "pruned_answer": row.flip.after,
    }


def short(text: str) -> str:
    """A question or an answer on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
