"""What every result has: a table of what it says, which a notebook shows."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from pandas import DataFrame

T = TypeVar("T")
MOST_SHOWN = 60
"""Rows that a notebook shows of a table."""


class Framed:
    """A result with a table."""

    @property
    def heading(self) -> str:
        """What stands above the table in a notebook; nothing unless a result says it."""
        return ""

    @abstractmethod
    def to_frame(self) -> "DataFrame":
        """Everything it says, a row a thing."""

    def _repr_html_(self) -> str:
        said = f"<p><b>{escape(self.heading)}</b></p>" if self.heading else ""
        table = self.to_frame().to_html(index=False, border=0, na_rep="", max_rows=MOST_SHOWN)
        return f"{said}{table}"


@dataclass(frozen=True)
class Rows(Framed, Sequence[T], Generic[T]):
    """A list of dataclasses that is a table too, a column a field."""

    items: tuple[T, ...]
    records: tuple[dict[str, Any], ...]  # the same as plain values

    def __getitem__(self, place: Any) -> Any:
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)

    def to_frame(self) -> "DataFrame":
        """A row an item."""
        return frame_of(self.records)


def frame_of(records: Sequence[dict[str, Any]]) -> "DataFrame":
    """A table of plain records, in their order, a column a name."""
    from pandas import DataFrame

    return DataFrame.from_records(list(records))
