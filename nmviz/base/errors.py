"""The ways a request ends early on purpose."""

from collections.abc import Callable
from threading import Event


class UserError(Exception):
    """Something the user can mend: the message is one sentence that says what to do."""


class NotYet(UserError):
    """Something is still to be given: nothing of what was given is wrong."""


class StorageError(UserError):
    """The disk or the database fails, whatever is asked for: a long run ends there."""


class Cancelled(Exception):
    """The user asked to stop. Raised between two sites of a forward pass."""


def check_of(cancel: Event) -> Callable[[], None]:
    """What is called at every site: it raises Cancelled once the event is set."""

    def check() -> None:
        if cancel.is_set():
            raise Cancelled

    return check
