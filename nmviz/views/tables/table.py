"""A table as plain data: words, and numbers with their standard errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from nmviz.views.shared.numbers import column, significant, with_error

FIGURES = 4
"""Significant digits of a number whose error is not known."""
MOST_DIGITS = 6
"""Decimals of a column without a standard error, at most."""


@dataclass(frozen=True)
class Number:
    """A number of a table. `best` says that it is better than all others of its column, and that
    each of these differences is real; `printed` how a source writes it."""

    value: float
    stderr: float | None = None
    best: bool = False
    printed: str = ""


Cell = str | Number | None
"""Words, a number, or nothing."""
Written = tuple[str, str, bool]
"""A number and its error as they are printed, and whether it is best; "" where there is none."""


@dataclass(frozen=True)
class Table:
    """Columns by name, rows of cells, and sentences below them. Where a column is of one quantity
    its numbers are `alike`, and have equal decimals; else each is rounded by its own error."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    alike: bool = True

    def of(self, place: int) -> list[Cell]:
        """The cells of a column."""
        return [row[place] for row in self.rows]

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Of each column whether it holds numbers."""
        places = range(len(self.columns))
        return tuple(any(isinstance(cell, Number) for cell in self.of(place)) for place in places)

    @property
    def with_errors(self) -> tuple[bool, ...]:
        """Of each column whether any number in it has a standard error."""
        return tuple(
            any(isinstance(cell, Number) and _is_known(cell.stderr) for cell in self.of(place))
            for place in range(len(self.columns))
        )

    def records(self) -> list[dict[str, Any]]:
        """A row an object: every number as it is, beside it `NAME stderr` where any is known."""
        every = [[self._said(*one) for one in enumerate(row)] for row in self.rows]
        return [dict(pair for cell in row for pair in cell) for row in every]

    def _said(self, place: int, cell: Cell) -> list[tuple[str, Any]]:
        name = self.columns[place]
        if not self.numeric[place]:
            return [(name, cell or "")]
        value = cell.value if isinstance(cell, Number) else None
        told: list[tuple[str, Any]] = [(name, _finite(value))]
        if self.with_errors[place]:
            stderr = cell.stderr if isinstance(cell, Number) else None
            told.append((f"{name} stderr", _finite(stderr)))
        return told

    def written(self, place: int) -> list[Written]:
        """The numbers of a column, rounded by their errors; words as they are."""
        cells = self.of(place)
        numbers = [cell for cell in cells if isinstance(cell, Number)]
        digits = MOST_DIGITS if self.with_errors[place] else _decimals(numbers)
        pairs = [(one.value, one.stderr) for one in numbers]
        told = iter(column(pairs, digits) if self.alike else map(_alone, pairs))
        found: list[Written] = []
        for cell in cells:
            if isinstance(cell, Number):
                value, error = next(told)
                error = error if _is_known(cell.stderr) else ""
                found.append((cell.printed or value, error, cell.best))
            else:
                found.append((cell or "", "", False))
        return found


def _alone(number: tuple[float, float | None]) -> tuple[str, str]:
    """A number and its error, rounded by themselves."""
    value, error = number
    if not _is_known(error) or not error:
        return (significant(value, FIGURES), "")
    said, _, after = with_error(value, error).partition(" ± ")
    return said, after


def _decimals(numbers: Sequence[Number]) -> int:
    """Enough to tell three digits of the smallest, and none of whole numbers."""
    if all(one.value == round(one.value) for one in numbers if isfinite(one.value)):
        return 0
    known = [abs(one.value) for one in numbers if isfinite(one.value) and one.value]
    smallest = min(known, default=1.0)
    return next((places for places in range(2, MOST_DIGITS) if smallest >= 10.0 ** (1 - places)), 5)


def _is_known(stderr: float | None) -> bool:
    return stderr is not None and isfinite(stderr)


def _finite(value: float | None) -> float | None:
    """None for what is no number, which JSON cannot say."""
    return value if value is not None and isfinite(value) else None
