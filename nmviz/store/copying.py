"""A store into another one, of the same kind of database or not: all of it or nothing."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from nmviz.base.errors import UserError
from nmviz.core.results import Result
from nmviz.store import looks, records, seed, writing
from nmviz.store.looks import Beside
from nmviz.store.records import Packed
from nmviz.store.store import Store
from nmviz.store.tables import LooksRow, ResultRow, SourceRow

Marks = tuple[bool, bool]
"""Whether a result is the user's own, and whether it came out of a file."""


@dataclass(frozen=True)
class CopyReport:
    """What came of it, in results."""

    added: int
    there: int
    ship: int

    def __str__(self) -> str:
        plural = "" if self.added == 1 else "s"
        return (
            f"{self.added} result{plural} copied and compared, {self.there} there already; "
            f"{self.ship} that ship stand beside them."
        )


def copy(source: Store, target: Store, folder: Path | None = None) -> CopyReport:
    """Write the user's own and imported results of one store into another, which keeps what it has,
    and read every one back. What ships is brought up to date there from its files, in `folder`.

    UserError where one cannot be read, or reads back otherwise: then nothing is written.
    """
    target.check_keeps()
    if source.place == target.place:
        raise UserError("Both are the same database: name two.")
    ships = seed.build(target, folder)
    with source.reading() as connection:
        found = _own(connection)
        sources = _sources(connection)
        kept = looks.beside(connection, _digests(connection))
    with target.writing() as connection:
        writing.ensure(connection, SourceRow.id, sources)
        added = 0
        for marks, packed in found.items():
            own, imported = marks
            added += writing.add_all(connection, packed, own=own, imported=imported)
        wanted = [one for packed in found.values() for one in packed]
        _compare(connection, wanted)
        _copy_looks(connection, kept)
    shipped = ships.added + ships.replaced + ships.kept
    return CopyReport(added, len(wanted) - added, shipped)


def _own(connection: Connection) -> dict[Marks, list[Packed]]:
    """Everything that is not there because it ships, by its marks, oldest first."""
    asked = select(ResultRow.id, ResultRow.own, ResultRow.imported)
    asked = asked.where(ResultRow.own | ~ResultRow.seeded).order_by(ResultRow.id)
    marks = {row.id: (row.own, row.imported) for row in connection.execute(asked)}
    found: dict[Marks, list[Packed]] = {}
    for identity, result in records.load(connection, list(marks)):
        if isinstance(result, ValueError):
            raise UserError(f"Result {identity} cannot be read: nmviz store verify says why.")
        found.setdefault(marks[identity], []).append(records.pack(result))
    return found


def _digests(connection: Connection) -> list[str]:
    """The content hashes of results with looks, those that ship included."""
    joined = select(ResultRow.content_hash).join(LooksRow, LooksRow.result_id == ResultRow.id)
    return list(connection.scalars(joined.order_by(LooksRow.id)))


def _copy_looks(connection: Connection, kept: list[Beside]) -> None:
    """Write those whose result is there, as what ships in one version may not be in another, and
    read them back."""
    wanted = [one.result for one in kept]
    there: set[str] = set()
    for some in records.batches(wanted):
        asked = select(ResultRow.content_hash).where(ResultRow.content_hash.in_(some))
        there.update(connection.scalars(asked))
    written = [one for one in kept if one.result in there]
    looks.add_all(connection, written)
    if looks.beside(connection, [one.result for one in written]) != written:
        raise UserError("Some looks read back otherwise than they were: nothing was copied.")


def _sources(connection: Connection) -> list[dict[str, object]]:
    rows = connection.execute(select(SourceRow.__table__)).mappings()
    return [dict(row) for row in rows if not row["seeded"]]


def _compare(connection: Connection, wanted: list[Packed]) -> None:
    """Read back what was written, in the transaction that wrote it."""
    for some in records.batches([one.digest for one in wanted]):
        asked = select(ResultRow.id, ResultRow.content_hash).where(ResultRow.content_hash.in_(some))
        digests = {row.id: row.content_hash for row in connection.execute(asked)}
        for identity, result in records.load(connection, list(digests)):
            sound = isinstance(result, Result) and records.pack(result).digest
            if sound != digests[identity]:
                raise UserError(
                    f"Result {digests[identity][:12]} reads back otherwise than it was written: "
                    "nothing was copied."
                )
        if len(digests) != len({*some}):
            raise UserError("Some results are missing after they were written: nothing was copied.")
