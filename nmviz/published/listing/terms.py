"""Rows by words, a column's range, or a regular expression: `act, value < 10, task ~ /arc|piqa/`.

Terms stand between commas and must all hold. `column ~ /expression/` (the strokes may be left out
where it has no comma), `!~`, `<`, `<=`, `>`, `>=`, `=`, `!=`, and `column 3..7`; anything else are
words that must occur somewhere in the row. A column may be written by its beginning.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from time import monotonic

import regex

from nmviz.base.errors import UserError
from nmviz.published.listing.row import Row

Keeps = Callable[[Row], bool]
Cell = Callable[[Row], str | float | None]
SECONDS = 0.5
"""For all the rows of one expression: some take for ever on a text of forty letters."""
TERMS = re.compile(r"(?:~\s*/(?:\\.|[^/\\])*/|[^,])+")
TERM = re.compile(r"([\w± ]+?)\s*(!~|~|<=|>=|!=|<|>|=)\s*(.*)")
RANGE = re.compile(r"(.+?)\s+(\S+)\.\.(\S+)")
COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda x, y: x < y,
    ">": lambda x, y: x > y,
    "<=": lambda x, y: x <= y,
    ">=": lambda x, y: x >= y,
}
COLUMNS: Mapping[str, Cell] = {
    "model": lambda row: row.model,
    "pattern": lambda row: row.pattern,
    "method": lambda row: row.method,
    "value": lambda row: row.value,
    "±": lambda row: row.stderr,
    "as shown": lambda row: row.text,
    "where": lambda row: row.where,
    "how": lambda row: row.how,
    "findings": lambda row: row.marked,
    "task": lambda row: row.task,
    "layers": lambda row: row.layers,
    "source": lambda row: row.source,
    "note": lambda row: row.note,
    "target": lambda row: row.target,
}
"""What a term may name: columns of the table, and what is pruned."""


@dataclass
class _Expression:
    """A regular expression that is given up once it has taken too long."""

    text: str

    def __post_init__(self) -> None:
        inside = re.fullmatch(r"/(.*)/", self.text)
        try:
            self._compiled = regex.compile(inside[1] if inside else self.text, regex.IGNORECASE)
        except regex.error as error:
            raise UserError(f"{self.text!r} is no regular expression: {error.msg}.") from None
        self._left = SECONDS

    def found_in(self, text: str) -> bool:
        begun = monotonic()
        try:
            if self._left <= 0:
                raise TimeoutError
            return self._compiled.search(text, timeout=self._left) is not None
        except TimeoutError:
            raise UserError(f"{self.text!r} takes too long: make it simpler.") from None
        finally:
            self._left -= monotonic() - begun


def with_terms(found: Sequence[Row], text: str) -> list[Row]:
    """The rows that every term keeps. UserError, one sentence, for a column that there is not, a
    range without numbers, and an expression that is none or takes too long."""
    terms = [" ".join(term.split()) for term in TERMS.findall(text)]
    keeps = [_keeps(term) for term in terms if term]
    return [row for row in found if all(keep(row) for keep in keeps)]


def _keeps(term: str) -> Keeps:
    if (ranged := RANGE.fullmatch(term)) and (of := _column(ranged[1])):
        return _in_range(of, *ranged.groups())
    read = TERM.fullmatch(term)
    cell = _column(read[1]) if read else None
    if read is None or (cell is None and read[2] == "="):
        return lambda row: term.lower() in _haystack(row)
    name, sign, value = read.groups()
    if cell is None:
        raise UserError(f"There is no column {name!r}: there are {', '.join(COLUMNS)}.")
    if sign.endswith("~"):
        expression = _Expression(value)
        return lambda row: expression.found_in(str(cell(row) or "")) != sign.startswith("!")
    limit = _number(value)
    if sign in COMPARED:
        if isnan(limit):
            raise UserError(f"{name} {sign} needs a number behind it: {value!r} is none.")
        return lambda row: COMPARED[sign](_number(cell(row)), limit)
    return lambda row: _same(cell(row), value, limit) == (sign == "=")


def _in_range(of: Cell, name: str, *ends: str) -> Keeps:
    low, high = map(_number, ends)
    if isnan(low) or isnan(high):
        raise UserError(f"A range is two numbers, such as {name} 3..7.")
    return lambda row: low <= _number(of(row)) <= high


def _column(name: str) -> Cell | None:
    wanted = name.strip().lower()
    if wanted in COLUMNS:
        return COLUMNS[wanted]
    return next((of for column, of in COLUMNS.items() if column.startswith(wanted)), None)


def _number(cell: str | float | None) -> float:
    """A cell as a number; what is none is never in a range."""
    try:
        return nan if cell is None else float(cell)
    except ValueError:
        return nan


def _same(cell: str | float | None, value: str, number: float) -> bool:
    return str(cell).lower() == value.lower() or _number(cell) == number


def _haystack(row: Row) -> str:
    said = (row.model, row.pattern, row.method, row.layers, row.task, row.where, row.source)
    more = (row.text, row.printed_method, row.note, row.marked, row.how, row.stderr_from)
    return " ".join((*said, *more, row.asked.words)).lower()
