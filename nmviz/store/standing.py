"""Whether what was read from the store still holds: what was added since is held against what was
asked, since most of it has nothing to do with that."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeAlias

from sqlalchemy import Connection, func, select

from nmviz.store.filters import COLUMNS, Filter, meets
from nmviz.store.tables import ExperimentRow, LooksRow, ResultRow

Read: TypeAlias = Mapping[str, Filter]
"""The filters of one reading; without any it is everything."""

REMEMBERED = 1_000
"""Added results: an answer from before more of them is worked out again."""
MARKS = ("own", "seeded", "imported")

_READ: ContextVar[list[Read] | None] = ContextVar("read", default=None)


@contextmanager
def noting() -> Iterator[list[Read]]:
    """The list of everything that is read from the store meanwhile."""
    read: list[Read] = []
    token = _READ.set(read)
    try:
        yield read
    finally:
        _READ.reset(token)


@contextmanager
def unnoted() -> Iterator[None]:
    """What is read meanwhile may be of before."""
    token = _READ.set(None)
    try:
        yield
    finally:
        _READ.reset(token)


def note(read: Read) -> None:
    """Something is read from the store."""
    noted = _READ.get()
    if noted is not None:
        noted.append(read)


@dataclass(frozen=True)
class Standing:
    """The highest id among the results, how many there are, and how many have each mark; the
    highest id among looks."""

    newest: int
    results: int
    marks: tuple[int, ...]
    looks: int = 0


@dataclass
class Added:
    """What was added to the store since this process first asked, the newest results of it."""

    now: Standing | None = None
    rows: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _turn: Lock = field(default_factory=Lock)

    def update(self, connection: Connection) -> Standing:
        """How the store stands, in one state of it."""
        with self._turn:
            found = _standing(connection)
            if self.now is not None and found != self.now:
                self.rows.extend(_rows(connection, self.now.newest))
            self.now = found
            return found

    def leaves(self, read: Sequence[Read], since: Standing) -> bool:
        """Whether what was read then would be the same now. False where too much was added to
        tell, where results were removed or marked, and where looks were added."""
        with self._turn:
            added = [row for row in self.rows if row["id"] > since.newest]
            now = self.now
        counted = tuple(
            marked + sum(row[mark] for row in added)
            for mark, marked in zip(MARKS, since.marks, strict=True)
        )
        newest = max([since.newest, *(row["id"] for row in added)])
        if now != Standing(newest, since.results + len(added), counted, since.looks):
            return False
        return not any(meets(row, filters) for row in added for filters in read)


def _standing(connection: Connection) -> Standing:
    marks = (func.count().filter(getattr(ResultRow, mark)) for mark in MARKS)
    newest = func.coalesce(func.max(ResultRow.id), 0)
    first, count, *marked = connection.execute(select(newest, func.count(), *marks)).one()
    looks = connection.scalar(select(func.coalesce(func.max(LooksRow.id), 0)))
    return Standing(first, count, tuple(marked), looks or 0)


def _rows(connection: Connection, after: int) -> list[Mapping[str, Any]]:
    columns = [column.label(name) for name, column in COLUMNS.items()]
    wanted = (
        select(ResultRow.id, ResultRow.imported, *columns)
        .join(ExperimentRow, ExperimentRow.key == ResultRow.experiment_key)
        .where(ResultRow.id > after)
        .order_by(ResultRow.id)
    )
    return [dict(row) for row in connection.execute(wanted).mappings()]
