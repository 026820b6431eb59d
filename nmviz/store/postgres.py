"""What PostgreSQL is told, and what it reports, in one sentence.

Writers come one after another, as in SQLite: each takes one lock of the database first, so that
what it read is still so when it writes. Readers wait for nobody and see one state throughout.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from nmviz.base.errors import StorageError

T = TypeVar("T")
BACKEND = "postgresql"
LOCK = 0x6E6D76697A
"""The advisory lock that a writer holds until its transaction ends; the letters of our name."""
CONNECT_TIMEOUT = 10  # seconds, where the address says none
TRIES = 3
"""How often work is begun in all when the connection is lost in the middle."""
READING = {"isolation_level": "REPEATABLE READ"}
MISSING_DRIVER = "install it with pip install 'nmviz[postgres]'"
HOLDING = {
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""Settings of a session that holds something: it lies idle while its process measures, and the
server notices within a minute when its machine is gone."""
TOLD: dict[str, str] = {
    "28P01": "refuses the user or the password: check the address.",
    "28000": "refuses the user: check the address, or let the user in.",
    "3D000": "is not there: create it with createdb, or check the address.",
    "42501": "may only be read by this user: grant it INSERT, UPDATE and DELETE.",
    "55P03": "is locked by another program: wait until it has written, then try again.",
    "25006": "is read-only: connect to the server that takes writes.",
    "53300": "has no connection left: close another program, then try again.",
    "53100": "has no room left: make some, then try again.",
}
"""By its code for an error, what is wrong with the database and what to do."""


def is_postgres(url: URL) -> bool:
    """Whether it is the address of a PostgreSQL database."""
    return url.get_backend_name() == BACKEND


def options(url: URL) -> dict[str, Any]:
    """How its engine is made: a wait that ends, and a look at connections that lay idle."""
    told = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT}
    return {"pool_pre_ping": True, "connect_args": told}


def tell(engine: Engine, patience: float) -> None:
    """A transaction that is going to write takes the lock first, and waits so many seconds."""

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("nmviz_writing", False):
            connection.execute(text(f"SET LOCAL lock_timeout = {int(patience * 1000)}"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))


def may_write(connection: Connection) -> bool:
    """Whether this user may add results."""
    asked = "SELECT has_table_privilege('result', 'INSERT')"
    return bool(connection.scalar(text(asked)))


def take(connection: Connection, keys: Sequence[str]) -> frozenset[str]:
    """Those of the keys that no other session has taken; this one has them until it ends."""
    told = text("SELECT set_config(name, :value, false) FROM pg_settings WHERE name = :name")
    for name, value in HOLDING.items():  # those that this version of the server knows
        connection.execute(told, {"name": name, "value": value})
    free = "SELECT key FROM unnest(CAST(:keys AS text[])) AS key WHERE "
    locked = text(free + "pg_try_advisory_lock(hashtextextended(key, 0))")
    return frozenset(connection.scalars(locked, {"keys": list(dict.fromkeys(keys))}))


def is_lost(error: BaseException) -> bool:
    """Whether the connection went away, so that the transaction is undone as a whole."""
    return isinstance(error, OperationalError) and error.connection_invalidated


def sentence(error: DBAPIError, where: str) -> str | None:
    """What it reports in one sentence; None for what is of another database."""
    code = getattr(error.orig, "sqlstate", None)
    said = str(error.orig)
    if type(error.orig).__module__.partition(".")[0] != "psycopg":
        return None
    told = TOLD.get(code or "") or _told_in_words(said)
    if told:
        return f"The database {where} {told}"
    if is_lost(error) or code in ("57P01", "57P02", "57P03") or "closed" in said:
        return (
            f"The connection to the database {where} was lost: check that it runs, and try again."
        )
    if "failed" in said and code is None:
        return f"Nobody answers at {where}: check the address, and that the database runs."
    return None


def _told_in_words(said: str) -> str | None:
    """While connecting an error has no code: the server's words have it."""
    if "password authentication failed" in said or "no password supplied" in said:
        return TOLD["28P01"]
    if "does not exist" in said and 'database "' in said:
        return TOLD["3D000"]
    if "role" in said or "pg_hba" in said:
        return TOLD["28000"]
    return None


def again(work: Callable[[], T]) -> T:
    """What some work gives that is a transaction as a whole, begun again a few times where the
    connection to the database is lost in the middle: then nothing of it was written."""
    for left in reversed(range(TRIES)):
        try:
            return work()
        except StorageError as error:
            if not left or error.__cause__ is None or not is_lost(error.__cause__):
                raise
    raise AssertionError("the last try returns or raises")
