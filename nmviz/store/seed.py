"""The results that ship, our own and published ones: from results/, or the copy of it in a wheel,
into the database, again and again to the same end."""

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

import nmviz
from nmviz import published
from nmviz.base.errors import UserError
from nmviz.base.starting import no_sweeps
from nmviz.core.results import Result
from nmviz.store import records, speeds, writing
from nmviz.store.database import PUBLISHED, results_folder
from nmviz.store.records import Packed
from nmviz.store.store import Store
from nmviz.store.tables import ExperimentRow, ResultRow, SeedStateRow, SourceRow
from nmviz.store.transfer.incoming import impossible
from nmviz.store.transfer.jsonl import read_bytes, read_digests, read_packed

STATE = "runs"
RUNS = "runs"
READ_BY = ("base", "core", "methods", "sources", "published", "store")
CODE = ("__init__.py", *(f"{folder}/**/*.py" for folder in READ_BY))
"""What decides, with the files, what is seeded: keys, names, cells, rows."""


@dataclass(frozen=True)
class BuildReport:
    """What `build` did, in results."""

    added: int
    replaced: int
    removed: int
    kept: int

    def __str__(self) -> str:
        return (
            f"Results that ship: {self.added} added, {self.replaced} replaced, "
            f"{self.removed} removed, {self.kept} kept."
        )


@no_sweeps()
def build(store: Store, folder: Path | None = None, *, again: bool = False) -> BuildReport:
    """Bring the seeded results in line with `results/runs/*.jsonl` and `results/published`; a
    user's own runs stay.

    Unchanged files are not read again by unchanged code unless `again`, which also replaces seeded
    rows that no longer agree with their hash. Without a folder nothing changes.
    UserError, with file and line, for a broken file: then nothing changes either.
    """
    folder = folder or results_folder()
    files = _files(folder)
    digest = _digest([*_code(), *files])
    with store.reading() as connection:
        kept = _count(connection)
        known = connection.execute(_state()).one_or_none()
    if not store.writes or folder is None or not folder.is_dir():
        return BuildReport(0, 0, 0, kept)
    if known == (digest, kept) and not again:
        return BuildReport(0, 0, 0, kept)
    wanted = _read(folder)
    with store.writing() as connection:
        _seed_sources(connection, folder / PUBLISHED)
        speeds.seed(connection, folder / PUBLISHED)
        report = _align(connection, wanted, _broken(connection) if again else set())
        connection.execute(delete(SeedStateRow).where(SeedStateRow.name == STATE))
        state = {"name": STATE, "digest": digest, "rows": len(wanted)}
        connection.execute(insert(SeedStateRow).values(**state))
    return report


def _files(folder: Path | None) -> list[Path]:
    """Everything that is read for seeding."""
    if folder is None:
        return []
    return sorted([*_run_files(folder), *(folder / PUBLISHED).glob("*.*")])


def _code() -> list[Path]:
    package = Path(nmviz.__file__).parent
    return sorted(file for part in CODE for file in package.glob(part))


def _digest(files: list[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        content = read_bytes(file)
        total.update(f"{file.name} {len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()


def _read(folder: Path) -> dict[str, Packed]:
    runs = [packed for file in _run_files(folder) for packed in read_packed(file)]
    return {packed.digest: packed for packed in (*runs, *_pack_published(folder))}


def _read_digests(folder: Path, sound: set[str]) -> list[str]:
    """The content hashes of what `_read` gives, where those of `sound` rows are right."""
    runs = [digest for file in _run_files(folder) for digest in read_digests(file, sound)]
    return list(dict.fromkeys([*runs, *(packed.digest for packed in _pack_published(folder))]))


def _run_files(folder: Path) -> list[Path]:
    return sorted((folder / RUNS).glob("*.jsonl"))


def _pack_published(folder: Path) -> list[Packed]:
    return [records.pack(result) for result in _read_published(folder / PUBLISHED)]


def _read_published(folder: Path) -> list[Result]:
    if not folder.is_dir():
        return []
    return published.read_results(folder, published.read_names(folder))


def _seed_sources(connection: Connection, folder: Path) -> None:
    """The sources of published results, with their citations; replaced when they changed."""
    for source in published.read_sources(folder) if folder.is_dir() else []:
        columns = {**asdict(source), "seeded": True}
        there = SourceRow.id == source.id
        if connection.scalar(select(SourceRow.id).where(there)) is None:
            connection.execute(insert(SourceRow).values(**columns))
        else:
            connection.execute(update(SourceRow).where(there).values(**columns))


def _state() -> Any:
    return select(SeedStateRow.digest, SeedStateRow.rows).where(SeedStateRow.name == STATE)


def _count(connection: Connection) -> int:
    seeded = select(func.count()).select_from(ResultRow).where(ResultRow.seeded)
    return connection.scalar(seeded) or 0


def _align(connection: Connection, wanted: dict[str, Packed], broken: set[str]) -> BuildReport:
    query = select(
        ResultRow.content_hash,
        ResultRow.id,
        ResultRow.own,
        ResultRow.source_id,
        ResultRow.experiment_key,
    )
    there = {row.content_hash: row for row in connection.execute(query.where(ResultRow.seeded))}
    gone = [row for digest, row in there.items() if digest not in wanted or digest in broken]
    own = {row.content_hash: row.id for row in gone if row.own}
    spoiled = {digest for digest in own if digest in wanted}  # a file still has it as it was
    kept = [identity for digest, identity in own.items() if digest not in spoiled]
    for identity in kept:
        unmark = update(ResultRow).where(ResultRow.id == identity)
        connection.execute(unmark.values(seeded=False))
    writing.remove(connection, [row.id for row in gone if row.id not in kept])
    new = [packed for digest, packed in wanted.items() if digest not in there or digest in broken]
    for users, some in groupby(new, lambda packed: packed.digest in spoiled):
        writing.add_all(connection, list(some), own=users, seeded=True)
    left = Counter((row.source_id, row.experiment_key) for row in gone)
    came = Counter((packed.result.provenance.source, packed.key) for packed in new)
    replaced = (left & came).total()
    return BuildReport(
        added=len(new) - replaced,
        replaced=replaced,
        removed=len(gone) - replaced,
        kept=len(there) - len(gone),
    )


def _broken(connection: Connection) -> set[str]:
    """Content hashes of the seeded rows that no longer hold what was written."""
    return {
        digest
        for digest, seeded, problem in _examine_results(connection)
        if seeded and problem is not None
    }


@no_sweeps()
def verify(store: Store, folder: Path | None = None) -> list[str]:
    """Recompute every key, every column that repeats one and every seeded row; the problems found.

    UserError, with file and line, for a broken file.
    """
    folder = folder or results_folder()
    with store.reading() as connection:
        problems = _examine_experiments(connection)
        examined = list(_examine_results(connection))
    problems += [problem for _, _, problem in examined if problem is not None]
    if folder is not None and folder.is_dir():
        sound = {digest for digest, _, problem in examined if problem is None}
        seeded = {digest for digest, seeded, _ in examined if seeded}
        problems += _compare(_read_digests(folder, sound), seeded)
        with store.reading() as connection:
            problems += speeds.problems(connection, folder / PUBLISHED)
    return problems


def _examine_experiments(connection: Connection) -> list[str]:
    found = connection.execute(select(ExperimentRow.__table__)).mappings()
    return [problem for row in found if (problem := _experiment_problem(dict(row))) is not None]


def _experiment_problem(row: dict[str, Any]) -> str | None:
    name = f"experiment {row['key'][:12]}"
    try:
        expected = records.experiment_columns(records.experiment_of(row["canonical"]))
    except ValueError as error:
        return f"{name} cannot be read: {_first_line(error)}."
    wrong = [column for column, value in expected.items() if row[column] != value]
    return f"{name} does not agree in {', '.join(wrong)}." if wrong else None


def _examine_results(connection: Connection) -> list[tuple[str, bool, str | None]]:
    """Content hash, whether it is seeded, and the problem, of every result."""
    stored = {row["id"]: row for row in connection.execute(select(ResultRow.__table__)).mappings()}
    return [
        (row["content_hash"], row["seeded"], _result_problem(dict(row), result))
        for identity, result in records.load(connection, list(stored))
        for row in [stored[identity]]
    ]


def _result_problem(row: dict[str, Any], result: Result | ValueError) -> str | None:
    name = f"result {row['id']}"
    if isinstance(result, ValueError):
        return f"{name} cannot be read: {_first_line(result)}."
    try:
        expected = records.result_columns(records.pack(result))
    except UserError as error:
        return f"{name} cannot be checked: {error}"
    wrong = [column for column, value in expected.items() if row[column] != value]
    if wrong:
        return f"{name} does not agree in {', '.join(wrong)}."
    fault = impossible(result)
    return f"{name} cannot be: {fault}." if fault else None


def _compare(wanted: list[str], seeded: set[str]) -> list[str]:
    missing = [
        f"result {digest[:12]} of the files is not in the store: run nmviz store build."
        for digest in wanted
        if digest not in seeded
    ]
    extra = [
        f"result {digest[:12]} is marked as seeded but in no file: run nmviz store build."
        for digest in sorted(seeded - set(wanted))
    ]
    return missing + extra


def _first_line(error: ValueError) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
