"""One value a place in a figure, and what to widen when nothing is left."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from nmviz.published.listing.row import Row
from nmviz.published.listing.selection import MEASURES, Selection

Key: TypeAlias = tuple[str, str, str, str, str, str]
_FIELDS = (
    ("words", "the words of the filter"),
    ("methods", "the methods"),
    ("patterns", "the patterns"),
    ("tasks", "the tasks"),
    ("places", "the tables and runs"),
    ("sources", "the sources"),
    ("models", "the models"),
)


@dataclass(frozen=True)
class Shown:
    """The row that a figure draws, and the others that give the same quantity."""

    row: Row
    others: tuple[Row, ...] = ()


def leading(rows: Iterable[Row]) -> list[Shown]:
    """One row for each model, pattern, method, layers, metric and task; the rest beside it.

    Recomputed drops come before printed ones, the paper before logs, and a table that has more of
    the rows of a model before one that has fewer, so that what is compared stands together.
    """
    groups: dict[Key, list[Row]] = {}
    together: dict[tuple[str, str], int] = {}
    for row in rows:
        groups.setdefault(_key(row), []).append(row)
        place = (row.place, row.model)
        together[place] = together.get(place, 0) + 1

    def rank(row: Row) -> tuple[bool, bool, int]:
        return (
            row.how == "printed" and row.metric == "average_drop",
            row.where.startswith("log"),
            -together[(row.place, row.model)],
        )

    ranked = [sorted(group, key=rank) for group in groups.values()]
    return [Shown(group[0], tuple(group[1:])) for group in ranked]


def widen(selection: Selection, rows_of: Callable[[Selection], Sequence[Row]]) -> str:
    """One sentence for a selection that leaves nothing: which part to widen."""
    measure = MEASURES[selection.metric].title
    nothing = f"Nothing published gives {measure} for this choice"
    for name, words in _FIELDS:
        if not getattr(selection, name):
            continue
        opened_up: dict[str, Any] = {name: "" if name == "words" else ()}
        opened = replace(selection, **opened_up)
        if found := len(rows_of(opened)):
            rows = "1 row is" if found == 1 else f"{found} rows are"
            return f"{nothing}: widen {words}; without that choice {rows} left."
    return f"{nothing}: choose another quantity, or widen several parts of it at once."


def _key(row: Row) -> Key:
    model = f"{row.model}, {row.place}, {row.asked.words}" if row.laid_over else row.model
    return (model, row.pattern, row.method, row.layers, row.metric, row.task)
