"""Models larger than memory are read by one at a time: two would need two blocks at once."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from threading import Event, Lock
from typing import TypeVar

from nmviz.base.errors import Cancelled, UserError
from nmviz.core.results import Progress

R = TypeVar("R")
Steps = Generator[Progress, None, R]
WAITING = "waiting until another model has been read block by block"
SECONDS_BETWEEN_LOOKS = 0.2
_LOCK = Lock()  # a step may be taken by another thread than the one before
_MEASURING = Event()


def measuring(steps: Callable[[], Steps[R]], cancel: Event) -> Steps[R]:
    """The steps once nobody else reads a model block by block; until then that it waits. Cancelled
    where that is set before."""
    while not _LOCK.acquire(timeout=SECONDS_BETWEEN_LOOKS):
        if cancel.is_set():
            raise Cancelled
        yield Progress(WAITING)
    try:
        _MEASURING.set()
        return (yield from steps())
    finally:
        _MEASURING.clear()
        _LOCK.release()


@contextmanager
def reading(title: str) -> Iterator[None]:
    """Inside, nobody else reads a model block by block; other looks are waited for. UserError while
    one is measured so, which takes minutes."""
    while not _LOCK.acquire(timeout=SECONDS_BETWEEN_LOOKS):
        if _MEASURING.is_set():
            raise UserError(
                f"{title} does not fit into memory and is read block by block, one model at a "
                "time: ask again when the run that is under way has ended."
            )
    try:
        yield
    finally:
        _LOCK.release()
