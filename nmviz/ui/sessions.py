"""Which visitor has asked to stop. One entry a visitor, gone when the visitor leaves."""

import threading


class Sessions:
    """Cancel events by session, shared by the handlers of one page."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, threading.Event] = {}

    def start(self, session: str) -> threading.Event:
        """A new event for live work; work of the same visitor still under way is cancelled."""
        event = threading.Event()
        with self._lock:
            older = self._events.get(session)
            self._events[session] = event
        if older:
            older.set()
        return event

    def running(self, session: str) -> threading.Event:
        """The event of the work begun last, or a new one."""
        with self._lock:
            return self._events.setdefault(session, threading.Event())

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
