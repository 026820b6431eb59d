"""What comes to light while one request is answered: whether all visitors may have its answer."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Noted:
    """`left` is what the answer leaves with the visitor: values of states and changed components,
    by their number. It is `regardless` of what the visitor had before where the handler says so."""

    failed: bool = False
    regardless: bool = False
    left: dict[int, Any] = field(default_factory=dict)


NOTED: ContextVar[Noted | None] = ContextVar("noted", default=None)


def note_failure() -> None:
    """The answer tells of a failure, which the next visitor may not have."""
    if noted := NOTED.get():
        noted.failed = True


def note_regardless() -> None:
    """The answer does not depend on what the visitor had before."""
    if noted := NOTED.get():
        noted.regardless = True
