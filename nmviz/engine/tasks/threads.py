"""Work that cannot be cut into steps, followed from outside while it runs in a thread."""

from collections.abc import Callable, Generator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

from nmviz.base.errors import check_of

T = TypeVar("T")
R = TypeVar("R")
EVERY = 0.2  # seconds between two reports


class _Work(Generic[T, R]):
    """One call in a thread: what it reported last, and how it ended."""

    def __init__(self, work: Callable[[Callable[[T], None]], R]) -> None:
        self._work = work
        self._abandoned = Event()
        self._check = check_of(self._abandoned)
        self.reports: SimpleQueue[T | None] = SimpleQueue()  # None: it has ended
        self.result: list[R] = []
        self.error: BaseException | None = None
        self.thread = Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.result.append(self._work(self._report))
        except BaseException as error:
            self.error = error
        finally:
            self.reports.put(None)

    def _report(self, what: T) -> None:
        self._check()
        self.reports.put(what)

    def abandon(self) -> None:
        """End at the next report, and wait for it."""
        self._abandoned.set()
        self.thread.join()


def follow(work: Callable[[Callable[[T], None]], R]) -> Generator[T, None, R]:
    """Run `work(report)` in a thread, yield the newest of what it reports, at most five times a
    second, and return what it returns. What it raises is raised here.

    When nobody asks further, the work ends at its next report, by Cancelled.
    """
    running = _Work(work)
    running.thread.start()
    try:
        while (newest := _newest(running.reports)) is not None:
            yield newest
            running.thread.join(EVERY)
    finally:
        running.abandon()
    if running.error is not None:
        raise running.error
    return running.result[0]


def _newest(reports: "SimpleQueue[T | None]") -> T | None:
    """The last thing reported, waited for where there is none yet; None at the end."""
    found = reports.get()
    while found is not None:
        try:
            found = reports.get_nowait()
        except Empty:
            break
    return found
