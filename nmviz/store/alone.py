"""Who measures what on a store: on SQLite one sweep at a time, on PostgreSQL any number of them
side by side, every experiment once.

A SQLite file tells nobody who else is at work on it, and a lock in it would stay when its holder is
killed: so one lock of the operating system stands for the whole store. PostgreSQL knows who is
connected, and lets go of what somebody held once the connection ends.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from filelock import FileLock, Timeout

from nmviz.base.errors import StorageError, UserError
from nmviz.store import postgres
from nmviz.store.store import Store

ENDING = "sweep.lock"


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """Hold the sweep lock of a SQLite store; a process that is killed lets go of it. On PostgreSQL
    nothing is held: see `taking`. UserError when another process of this machine holds it,
    StorageError where the store keeps nothing.
    """
    store.check_keeps()
    if store.is_shared:
        yield
        return
    path = store.beside(ENDING)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"Another sweep is at work on {store.place}, and a SQLite file takes one at a time: "
            "wait until it has ended, or keep the results in PostgreSQL."
        ) from None
    except OSError as error:
        raise StorageError(f"The file {path} cannot be written: {error.strerror}.", path) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def taking(store: Store, keys: Sequence[str]) -> Iterator[frozenset[str]]:
    """Of experiments, by key, those that nobody else is measuring: until the end of the block
    nobody else gets them. Whoever is killed, or loses the connection, lets go of them. On SQLite
    these are all of them: there a sweep is alone.
    """
    if not store.is_shared:
        yield frozenset(keys)
        return
    with store.session() as connection:
        yield postgres.take(connection, keys)
