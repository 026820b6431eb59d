"""Connections: where the database is, what SQLite is told, and errors in one sentence."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

from nmviz.base.cache import cache_dir
from nmviz.base.errors import StorageError, UserError
from nmviz.store import postgres

ENVIRONMENT = "NMVIZ_STORE_URL"
FILE_NAME = "nmviz.sqlite"
PACKAGE = Path(__file__).resolve().parents[1]
PUBLISHED = "published"
PATIENCE = 10.0
"""Seconds a writer waits for another one."""
WRITING = {"nmviz_writing": True}
"""Execution options of a connection that is going to write."""


def results_folder() -> Path | None:
    """Where the results that ship lie, for reading: `results/` of the checkout the package runs
    from, else the package's own copy, which a wheel brings; None where there is neither."""
    copy = PACKAGE / "shipped"
    return checkout_results() or (copy if copy.is_dir() else None)


def published_folder() -> Path | None:
    """Where the published tables lie, or None where the project's results are not installed."""
    folder = results_folder()
    return folder / PUBLISHED if folder and (folder / PUBLISHED).is_dir() else None


def checkout_results() -> Path | None:
    """`results/` of the checkout the package runs from, or None when it is installed elsewhere."""
    folder = PACKAGE.parent / "results"
    # Beside an installed package a folder of that name is somebody else's.
    is_checkout = (PACKAGE.parent / "pyproject.toml").is_file()
    return folder if is_checkout and folder.is_dir() else None


def address(given: str | Path | None = None) -> URL:
    """Where the database is: as given, by NMVIZ_STORE_URL, or a file. UserError for nonsense."""
    given = given or os.environ.get(ENVIRONMENT)
    if given is None:
        given = _default_folder() / FILE_NAME
    if isinstance(given, Path):
        return URL.create("sqlite", database=str(given))
    try:
        url = make_url(given)
    except ArgumentError:
        raise UserError(
            f"{given[:80]!r} is no database address: write {ENVIRONMENT}=sqlite:////folder/file.sqlite"
        ) from None
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise UserError(
            f"The store needs a file: write {ENVIRONMENT}=sqlite:////folder/file.sqlite"
        )
    return url


def _default_folder() -> Path:
    """Never inside an installed package: that may be read-only, and goes when it is updated. A
    checkout that cannot be written and has no database keeps none either."""
    folder = checkout_results()
    if folder is None or not ((folder / FILE_NAME).exists() or can_write(folder)):
        return cache_dir()
    return folder


def can_write(path: Path) -> bool:
    """Whether this process may write that file, or in that folder; nothing is written to see."""
    wanted = os.W_OK | (os.X_OK if path.is_dir() else 0)
    return os.access(path, wanted, effective_ids=os.access in os.supports_effective_ids)


def last_change(file: Path) -> tuple[int, int] | None:
    """When a file was last written, in nanoseconds, and its bytes; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def file_of(url: URL) -> Path | None:
    """The file of a SQLite database, None for any other."""
    if url.get_backend_name() != "sqlite" or str(url.database).startswith("file:"):
        return None
    return Path(str(url.database))


def place(url: URL) -> str:
    """The database in words for a message, without a password."""
    return str(file_of(url) or url.render_as_string(hide_password=True))


def connect(url: URL, *, migrating: bool = False) -> Engine:
    """An engine. A migrating one checks no foreign keys: SQLite changes a table by copying it and
    dropping the old one, and dropping would take the rows that point to it along. UserError when
    the driver is missing.
    """
    options: dict[str, Any] = postgres.options(url) if postgres.is_postgres(url) else {}
    options |= {"poolclass": NullPool} if migrating else {}
    try:
        engine = create_engine(url, **options)
    except (ModuleNotFoundError, ArgumentError) as error:
        raise UserError(
            f"The database {place(url)} cannot be used: {_why_not(url, error)}"
        ) from None
    if postgres.is_postgres(url):
        postgres.tell(engine, PATIENCE)
    if url.get_backend_name() == "sqlite":
        _tell_sqlite(engine, foreign_keys=not migrating)
    return engine


def _why_not(url: URL, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and postgres.is_postgres(url):
        return f"its driver is missing: {postgres.MISSING_DRIVER}."
    return f"{error}."


def _tell_sqlite(engine: Engine, *, foreign_keys: bool) -> None:
    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: `_begin` does
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(PATIENCE * 1000)}")
        _use_write_ahead_log(cursor)
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later is refused at once when another process
        # wrote in between; one that takes the lock at the start waits for it.
        writing = connection.get_execution_options().get("nmviz_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    """Turned on once for each file; busy_timeout does not cover the switch, so it is retried."""
    give_up = time.monotonic() + PATIENCE
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that the file itself is broken."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def plain_errors(url: URL) -> Iterator[None]:
    """Turn what the database reports into a StorageError, or into a UserError where the result is
    at fault. Broken constraints pass as they are."""
    try:
        yield
    except IntegrityError:
        raise
    except (OverflowError, DataError):
        raise UserError("The result holds a number too large for the database.") from None
    except (DBAPIError, sqlite3.Error) as error:
        raise StorageError(_sentence(error, place(url)), place(url)) from error


def _sentence(error: DBAPIError | sqlite3.Error, where: str) -> str:
    text = str(error.orig if isinstance(error, DBAPIError) else error)
    if isinstance(error, DBAPIError) and (said := postgres.sentence(error, where)):
        return said
    if is_damage(error):
        return f"The database {where} is damaged: move it away and start again to build a new one."
    if "locked" in text or "busy" in text:
        return f"The database {where} is locked by another program: close it, then try again."
    if "readonly" in text or "read-only" in text:
        return f"The database {where} is read-only: make it writable or set {ENVIRONMENT}."
    if "unable to open" in text:
        return (
            f"The database {where} cannot be opened: make its folder writable or set {ENVIRONMENT}."
        )
    return f"The database {where} does not answer: {text.splitlines()[0].rstrip('.')}."
