"""One row's accuracies standing in another row."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations

from nmviz.published.audit.averages import drop_cells, what_changes
from nmviz.published.audit.finding import Finding
from nmviz.published.audit.logs import Beside, beside
from nmviz.published.audit.printed import PERPLEXITY, Row, Rows, slug, unique
from nmviz.published.cells import Cell

ENOUGH = 4
"""Accuracies that must all be printed alike. Rows of two models hardly agree in as many; two
methods on one model may, so there the perplexity must be the same too."""


def pairs(rows: Rows) -> list[tuple[Row, Row]]:
    """Sparse rows of one source that print the same accuracies for different experiments."""
    alike: dict[object, list[Row]] = {}
    for row in rows.tables:
        values = tuple(sorted((task, number.value) for task, number in row.accuracies.items()))
        if not row.is_dense and len(values) >= ENOUGH:
            alike.setdefault((row.place[0], values), []).append(row)
    return [
        pair
        for group in alike.values()
        for pair in combinations(group, 2)
        if pair[0].key != pair[1].key and _cannot_agree(*pair)
    ]


def _cannot_agree(one: Row, other: Row) -> bool:
    if one.key[0] != other.key[0]:
        return True
    numbers = [row.get(PERPLEXITY) for row in (one, other)]
    return numbers[0] is not None and numbers[0] == numbers[1]


def copied(rows: Rows) -> list[Row]:
    """The rows that are copies, as far as logs tell copy from original; else both."""
    logs = {id(one.row): one for one in beside(rows)}
    return [row for pair in pairs(rows) for row in _doubtful(pair, logs)]


def _doubtful(pair: tuple[Row, Row], logs: dict[int, Beside]) -> list[Row]:
    wrong = [row for row in pair if _contradicted(row, logs)]
    return wrong or [row for row in pair if not (id(row) in logs and logs[id(row)].reproduces)]


def _contradicted(row: Row, logs: dict[int, Beside]) -> bool:
    return id(row) in logs and bool(logs[id(row)].cells)


def find_copies(rows: Rows) -> Iterator[Finding]:
    """One finding for each pair of rows."""
    logs = {id(one.row): one for one in beside(rows)}
    for one, other in pairs(rows):
        doubtful = _doubtful((one, other), logs)
        values = ", ".join(m.printed or str(m.value) for m in one.accuracies.values())
        yield Finding(
            id=slug("copy", doubtful[0].printed.place, *doubtful[0].key[:2], doubtful[0].method),
            detector="copies",
            title=f"{one} and {other} print the same {len(one.accuracies)} accuracies: {values}.",
            evidence=" ".join(_told(row, logs) for row in (one, other)).strip()
            or "No log of either is known.",
            certainty="proved" if any(_contradicted(row, logs) for row in doubtful) else "inferred",
            consequence=_consequence(rows, doubtful, logs),
            cells=_cells(rows, doubtful),
        )


def _told(row: Row, logs: dict[int, Beside]) -> str:
    log = logs.get(id(row))
    if log is None:
        return ""
    values = ", ".join(f"{log.logged.accuracies[task].value:.4f}" for task in log.tasks)
    says = "contradicts" if log.cells else "confirms" if log.reproduces else "says of"
    drop = f", a drop of {log.drop.value:.2f}" if log.drop else ""
    return f"{log.logged.capital} {says} {row}: {values}{drop}."


def _consequence(rows: Rows, doubtful: list[Row], logs: dict[int, Beside]) -> str:
    log = logs.get(id(doubtful[0]))
    if len(doubtful) > 1:
        return "One of the two rows is not of its own model or method; nothing tells which."
    if log is None or log.drop is None:
        return f"{doubtful[0]} is a copy of the other row; its own values are not known."
    value = Decimal(f"{log.drop.value:.2f}")
    text = f"{doubtful[0]} is a copy of the other row; its own drop is {value}."
    same = [row for row in rows.tables if row.key == doubtful[0].key]
    return " ".join([text, *filter(None, (what_changes(rows, row, [value]) for row in same))])


def _cells(rows: Rows, doubtful: list[Row]) -> tuple[Cell, ...]:
    found = [cell for row in doubtful for cell in row.accuracy_cells]
    return unique((*found, *drop_cells(rows, rows.like(doubtful))))
