"""The ways a request ends early on purpose."""

from collections.abc import Callable
from threading import Event


class UserError(Exception):
    """Something the user can mend: the message is one sentence that says what to do."""


class StorageError(UserError):
    """The disk or the database fails, whatever is asked for: a long run ends there.

    `place` is the file, folder or address that the message names; a visitor is not told it.
    """

    def __init__(self, message: str, place: object = "") -> None:
        super().__init__(message)
        self._place = str(place)

    @property
    def for_visitors(self) -> str:
        """The message without where things lie on this machine."""
        message = str(self)
        return message.replace(self._place, "of the server") if self._place else message


def without_places(error: UserError) -> str:
    """What a visitor of the page is told, who may not see where things lie on the machine."""
    return error.for_visitors if isinstance(error, StorageError) else str(error)


class Cancelled(Exception):
    """The user asked to stop. Raised between two sites of a forward pass."""


def check_of(cancel: Event) -> Callable[[], None]:
    """What is called at every site: it raises Cancelled once the event is set."""

    def check() -> None:
        if cancel.is_set():
            raise Cancelled

    return check
