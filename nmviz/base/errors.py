"""The ways a request ends early on purpose."""

from collections.abc import Callable
from threading import Event


class UserError(Exception):
    """Something the user can mend: the message is one sentence that says what to do."""


class SettingError(UserError):
    """One setting is wrong; `setting` names it, and is empty where several do not go together."""

    def __init__(self, said: str, setting: str = "") -> None:
        super().__init__(said)
        self.setting = setting


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
