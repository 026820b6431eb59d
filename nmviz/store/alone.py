"""One sweep for each store at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from nmviz.base.errors import StorageError, UserError
from nmviz.store.store import Store

ENDING = "sweep.lock"


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """Hold the store's sweep lock; a process that is killed lets go of it. UserError when another
    process of this machine holds it, StorageError where the store keeps nothing.
    """
    store.check_keeps()
    path = store.beside(ENDING)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"Another sweep is at work on {store.place}: wait until it has ended."
        ) from None
    except OSError as error:
        raise StorageError(f"The file {path} cannot be written: {error.strerror}.", path) from None
    try:
        yield
    finally:
        lock.release()
