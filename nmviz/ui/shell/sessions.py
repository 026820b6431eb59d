"""Which visitor has asked to stop. One entry a visitor, gone when the visitor leaves."""

import threading
from itertools import count


class Turn(threading.Event):
    """Live work of a visitor, set to stop it. Its number goes from step to step of the work."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Sessions:
    """Cancel events by session, shared by the handlers of one page."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, Turn] = {}
        self._numbers = count(1)

    def start(self, session: str) -> Turn:
        """A new event for live work; work of the same visitor still under way is cancelled."""
        event = Turn(next(self._numbers))
        with self._lock:
            older = self._events.get(session)
            self._events[session] = event
        if older:
            older.set()
        return event

    def running(self, session: str, number: int | None = None) -> Turn:
        """The event of the work begun last, or a new one.

        With the `number` of a turn an event that is set already, where other work was begun since.
        """
        with self._lock:
            last = self._events.setdefault(session, Turn(next(self._numbers)))
        if number in (None, last.number):
            return last
        over = Turn(number or 0)
        over.set()
        return over

    def cancel(self, session: str) -> None:
        """Ask the visitor's live work to stop."""
        with self._lock:
            event = self._events.get(session)
        if event:
            event.set()

    def leave(self, session: str) -> None:
        """Cancel and forget."""
        with self._lock:
            event = self._events.pop(session, None)
        if event:
            event.set()

    def __len__(self) -> int:
        return len(self._events)


SESSIONS = Sessions()
"""Those of the page that this process serves."""
