"""Store: results in, results out. What it holds is what was put, to the last bit."""

import hashlib
import logging
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self, TypeVar

from sqlalchemy import URL, Connection, Engine, select
from sqlalchemy.exc import IntegrityError

from nmviz.base.cache import cache_dir, make_folder
from nmviz.base.errors import StorageError
from nmviz.core.provenance import OWN
from nmviz.core.results import Result
from nmviz.store import postgres, records, standing, writing
from nmviz.store.age import age
from nmviz.store.database import (
    ENVIRONMENT,
    WRITING,
    file_of,
    last_change,
    place,
    plain_errors,
)
from nmviz.store.filters import Filter, condition
from nmviz.store.standing import Added, Read, Standing
from nmviz.store.tables import ExperimentRow, ResultRow, SourceRow

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """Where results come from; `extraction` says how the numbers were taken from it."""

    id: str
    title: str
    citation: str | None
    url: str | None
    version: str | None
    licence: str | None
    extraction: str | None
    seeded: bool


class Store:
    """Results by their experiment's key. Safe to share between threads and between processes.

    Every method raises UserError, one sentence, when the database cannot be read or written.
    `note` says what the user should know about how it was opened, or is None. One that cannot be
    written is a copy in a folder of its own: it `keeps` nothing, and only what ships is added.
    """

    def __init__(
        self,
        engine: Engine,
        url: URL,
        note: str | None = None,
        copy: TemporaryDirectory[str] | None = None,
        writes: bool = True,
    ) -> None:
        self._engine = engine
        self._reader = engine
        if postgres.is_postgres(url):
            self._reader = engine.execution_options(**postgres.READING)
        self._writer = engine.execution_options(**WRITING)
        self._url = url
        self._copy = copy
        self.writes = writes
        self._added = Added()
        self._seen: tuple[Hashable, Standing] | None = None
        self._own: tuple[Standing, tuple[Result, ...]] | None = None
        self.note = note

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def place(self) -> str:
        """The database in words: the file, or the address without its password."""
        return place(self._url)

    @property
    def address(self) -> str:
        """Where the database is, with its password: for a process that opens it too."""
        return self._url.render_as_string(hide_password=False)

    @property
    def is_shared(self) -> bool:
        """Whether other machines can reach the database, and sweeps work on it side by side."""
        return postgres.is_postgres(self._url)

    @property
    def keeps(self) -> bool:
        """Whether what is put is kept."""
        return self._copy is None and self.writes

    def check_keeps(self) -> None:
        """StorageError where nothing is kept."""
        if not self.keeps:
            raise StorageError(
                f"The database {self.place} is read-only: make it writable or set {ENVIRONMENT}.",
                self.place,
            )

    def beside(self, ending: str) -> Path:
        """A file that goes with this database: next to it, or in the cache where it is no file."""
        file = file_of(self._url)
        if file is not None:
            return file.with_name(f"{file.name}.{ending}")
        address = hashlib.sha256(self.place.encode()).hexdigest()
        return make_folder(cache_dir() / "stores") / f"{address[:16]}.{ending}"

    def get(self, key: str) -> Result | None:
        """The newest of our own runs for this experiment, or None; of equal age, the user's. One
        that was imported only where there is no other."""
        return next(iter(self._load({"key": key, "source": OWN}, newest_first=True)), None)

    def keys_beginning(self, start: str) -> list[str]:
        """The keys of experiments with results, own or published, that begin so, at most ten."""
        keys = select(ResultRow.experiment_key).distinct().order_by(ResultRow.experiment_key)
        with self.reading() as connection:
            found = keys.where(ResultRow.experiment_key.startswith(start, autoescape=True))
            return list(connection.scalars(found.limit(10)))

    def history(self, key: str) -> list[Result]:
        """Every result for this experiment, from every source, newest first."""
        return self._load({"key": key}, newest_first=True)

    def find(self, *, sites: bool = True, **filters: Filter) -> list[Result]:
        """Results by key, source, own, seeded, model, target, pattern, criterion, mitigations,
        corpus, tokens or window, oldest first: the last one of a key is what `get` gives.

        A list means any of its values. Without `sites` what is long (sites, drift, examples,
        tokens counted) stays empty: much faster for many. TypeError for a filter of another name.
        """
        return self._load(filters, sites=sites)

    def own_runs(self) -> tuple[Result, ...]:
        """Every run of this program, oldest first, without sites, drift and examples: read anew
        only when something was added since."""
        asked: Read = {"source": OWN}
        known, stands = self._own, self.standing()
        if known is None or known[0] != stands:
            self._own = known = stands, tuple(self._load(asked, sites=False))
        standing.note(asked)
        return known[1]

    def names_of_model(self, content: str) -> list[str]:
        """Every name that experiments on a model of that hash were stored under."""
        names = select(ExperimentRow.model).distinct().order_by(ExperimentRow.model)
        with self.reading() as connection:
            return list(
                connection.scalars(
                    names.where(ExperimentRow.canonical.contains(f'"model":"{content}"'))
                )
            )

    def put(self, result: Result) -> bool:
        """Write a result once, whole or not at all. False when it was already there.

        ValueError for a partial result, UserError when a number in it is not finite, StorageError
        where nothing is kept.
        """
        self.check_keeps()
        packed = records.pack(result)
        with suppress(IntegrityError):  # another process wrote the same in between: look again
            return postgres.again(lambda: self._put(packed))
        return postgres.again(lambda: self._put(packed))

    def _put(self, packed: records.Packed) -> bool:
        with self.writing() as connection:
            return writing.add(connection, packed, own=True)

    def sources(self) -> list[Source]:
        """Every source, by name."""
        table = SourceRow.__table__
        with self.reading() as connection:
            return [Source(**row) for row in connection.execute(select(table)).mappings()]

    def imported_sources(self) -> list[Source]:
        """Those that are neither published ones, which ship, nor this program."""
        return [one for one in self.sources() if not one.seeded and one.id != OWN]

    def standing(self) -> Standing:
        """How it stands now. Microseconds where no process has written to a SQLite file since."""
        return postgres.again(self._stands)

    def _stands(self) -> Standing:
        version = self._version()
        if version is None or self._seen is None or self._seen[0] != version:
            with self._transaction(self._reader) as connection:
                self._seen = version, self._added.update(connection)
        return self._seen[1]

    def still_holds(self, read: Sequence[Read], since: Standing) -> bool:
        """Whether what was read when it stood like that is the same now."""
        return self._added.leaves(read, since)

    def _version(self) -> Hashable | None:
        """What changes when any process writes to a SQLite file; None of another database."""
        file = file_of(self._url)
        if file is None:
            return None
        return str(file), last_change(file), last_change(file.with_name(f"{file.name}-wal"))

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state of the database throughout."""
        standing.note({})
        return self._transaction(self._reader)

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that waits for other writers first; an exception undoes all of it."""
        return self._transaction(self._writer)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A connection of one's own outside of any transaction: what the database lets it hold is
        free again at the end of the block, and when this process dies."""
        with plain_errors(self._url):
            connection = self._engine.connect()
        try:
            with plain_errors(self._url):
                connection.execution_options(isolation_level="AUTOCOMMIT")
                yield connection
        finally:
            connection.invalidate()  # closed for good, not given back with what it holds
            connection.close()

    def close(self) -> None:
        """Give the connections back, and the copy where it is one."""
        self._engine.dispose()
        if self._copy is not None:
            self._copy.cleanup()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        with plain_errors(self._url), engine.begin() as connection:
            yield connection

    def _load(
        self, filters: Read, *, newest_first: bool = False, sites: bool = True
    ) -> list[Result]:
        return postgres.again(lambda: self._loaded(filters, newest_first, sites))

    def _loaded(self, filters: Read, newest_first: bool, sites: bool) -> list[Result]:
        where = [condition(name, value) for name, value in filters.items()]
        wanted = (
            select(ResultRow.id)
            .join(ExperimentRow, ExperimentRow.key == ResultRow.experiment_key)
            .where(*where)
            .order_by(*(part.desc() if newest_first else part.asc() for part in age()))
        )
        standing.note(filters)
        with self._transaction(self._reader) as connection:
            ids = list(connection.scalars(wanted))
            return list(_readable(records.load(connection, ids, sites=sites)))


def _readable(found: Iterable[tuple[int, Result | ValueError]]) -> Iterator[Result]:
    """One row that this version cannot read must not hide the others; `verify` names it."""
    for identity, result in found:
        if isinstance(result, Result):
            yield result
        else:
            _log.warning("result %d of the store cannot be read: %s", identity, result)
