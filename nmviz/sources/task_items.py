"""Questions of tasks as one reads them: what is asked, the answers to choose from, the right one.

A result keeps only the place of an example; what stood there is read from the task's rows where
these are on the machine, in the order in which they were asked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nmviz.base.errors import UserError
from nmviz.sources import task_data
from nmviz.sources.tasks import TASKS

if TYPE_CHECKING:
    from pyarrow import Table

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Item:
    """One example; `right` is the place of the right answer among the answers."""

    question: str
    answers: tuple[str, ...]
    right: int

    def answer(self, place: int | None) -> str:
        """The answer at that place; empty where it is not known."""
        known = place is not None and place < len(self.answers)
        return self.answers[place] if known and place is not None else ""


def _science(row: Row) -> Item:
    choices = row["choices"]
    question = row["question"] if "question" in row else row["question_stem"]
    return Item(question, tuple(choices["text"]), choices["label"].index(row["answerKey"]))


def _boolq(row: Row) -> Item:
    return Item(f"{row['question']}? ({row['passage']})", ("no", "yes"), int(row["label"]))


def _piqa(row: Row) -> Item:
    return Item(row["goal"], (row["sol1"], row["sol2"]), int(row["label"]))


def _winogrande(row: Row) -> Item:
    return Item(row["sentence"], (row["option1"], row["option2"]), int(row["answer"]) - 1)


def _hellaswag(row: Row) -> Item:
    return Item(row["ctx"], tuple(row["endings"]), int(row["label"]))


def _rte(row: Row) -> Item:
    question = f"{row['sentence2']} Does that follow? ({row['sentence1']})"
    return Item(question, ("True", "False"), int(row["label"]))


def _lambada(row: Row) -> Item:
    passage, _, word = str(row["text"]).rpartition(" ")
    return Item(passage, (word,), 0)


def _mmlu(row: Row) -> Item:
    return Item(row["question"], tuple(row["choices"]), int(row["answer"]))


READ_BY: Mapping[str, Callable[[Row], Item]] = {
    "arc_easy": _science,
    "arc_challenge": _science,
    "openbookqa": _science,
    "boolq": _boolq,
    "piqa": _piqa,
    "winogrande": _winogrande,
    "hellaswag": _hellaswag,
    "rte": _rte,
    "lambada_openai": _lambada,
    "mmlu": _mmlu,
}
"""Of each task of the wheel, its rows."""


def items_here(task: str, places: Iterable[int], limit: int | None) -> Mapping[int, Item]:
    """The examples at these places among all that a limit leaves, by their place; empty where the
    task's rows are not on this machine, or are other ones."""
    folder = task_data.tables_here(task) if task in READ_BY else None
    if folder is None:
        return {}
    tables, read, found = _tables(folder, TASKS.get(task).split), READ_BY[task], {}
    sizes = [len(one) if limit is None else min(limit, len(one)) for one in tables]
    for place in places:
        part, row = _place(sizes, place)
        if part is not None:
            found[place] = read(tables[part].slice(row, 1).to_pylist()[0])
    return found


def _place(sizes: Sequence[int], place: int) -> tuple[int | None, int]:
    """Of which part it is, and where in it."""
    for part, size in enumerate(sizes):
        if place < size:
            return part, place
        place -= size
    return None, place


@lru_cache(maxsize=16)
def _tables(folder: Path, split: str) -> tuple["Table", ...]:
    """The rows that are scored, a table a part, by the names of the parts as they are asked."""
    import pyarrow

    whole = folder / f"{split}.arrow"
    files = [whole] if whole.is_file() else sorted(folder.glob(f"*/{split}.arrow"))
    try:
        return tuple(
            pyarrow.ipc.open_stream(pyarrow.memory_map(str(file))).read_all() for file in files
        )
    except (OSError, pyarrow.ArrowException):
        raise UserError(f"The rows of {folder.name} cannot be read: delete {folder}.") from None
