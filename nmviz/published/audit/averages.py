"""Averages over the four models, and over tasks, that do not follow from their parts."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType

from nmviz.core.results import Measurement
from nmviz.published import SUMMARY
from nmviz.published.audit.finding import Finding
from nmviz.published.audit.printed import DROP, Row, Rows, exact, mean, slug
from nmviz.published.cells import Cell

SLACK = Decimal("0.01")
"""Parts and average are rounded to two digits each: half a unit and half a unit."""


NONE: Mapping[int, Decimal] = MappingProxyType({})


def parts(rows: Rows, average: Row) -> list[tuple[Row, Measurement]]:
    """The four models' drops that a printed average is over."""
    return [
        (row, number)
        for row in rows.tables
        if _name(row) == _name(average) and (number := row.get(DROP)) is not None
    ]


def average_of(rows: Rows, row: Row) -> Row | None:
    """The row that averages this one with the other models', or None."""
    same = (a for a in rows.averages if _name(a) == _name(row))
    return next(same, None)


def _name(row: Row) -> tuple[object, ...]:
    return row.place, row.result.experiment.pattern, row.printed.method


def drop_cells(rows: Rows, group: Iterable[Row]) -> list[Cell]:
    """The printed drops of some rows, and the averages over models that they are part of."""
    printing = [row for row in group if row.get(DROP)]
    averages = (average_of(rows, row) for row in printing)
    return [row.cell(DROP) for row in (*printing, *filter(None, averages)) if row.get(DROP)]


def replaced(rows: Rows, average: Row, instead: Mapping[int, Decimal]) -> Decimal:
    """What an average becomes with other values in some rows, which `instead` has by identity."""
    return mean([instead.get(id(part), exact(n)) for part, n in parts(rows, average)])


def what_changes(
    rows: Rows, row: Row, values: list[Decimal], together: Mapping[int, Decimal] = NONE
) -> str:
    """In words: the average that a corrected drop would give, and whether it still leads.

    `together` has the drops that are corrected for the same reason: where they are more than this
    one, it is said what all of them give.
    """
    average = average_of(rows, row)
    number = average.get(DROP) if average else None
    if average is None or number is None:
        return ""
    new = [replaced(rows, average, {id(row): value}) for value in values]
    told = " or ".join(map(str, dict.fromkeys(new)))
    text = f"The four-model average of {average.printed.place} becomes {told} instead of "
    text = f"{text}{exact(number):.2f}{_ranking(rows, average, max(new))}."
    if sum(id(part) in together for part, _ in parts(rows, average)) < 2:
        return text
    return f"{text} With all its drops of this kind corrected, {replaced(rows, average, together)}."


def _ranking(rows: Rows, average: Row, new: Decimal) -> str:
    others = {
        other.printed.method: exact(number)
        for other in rows.averages
        if other is not average
        and other.place == average.place
        and other.result.experiment.pattern == average.result.experiment.pattern
        and (number := other.get(DROP)) is not None
    }
    number = average.get(DROP)
    if not others or number is None or not exact(number) < min(others.values()) < new:
        return ""
    best = min(others, key=lambda name: others[name])
    return (
        f", and {average.printed.method} is no longer the lowest there ({best}, {others[best]:.2f})"
    )


def find_averages(rows: Rows) -> Iterator[Finding]:
    """A finding for every average that is not that of its parts."""
    yield from _over_models(rows)
    yield from _over_tasks(rows)


def _over_models(rows: Rows) -> Iterator[Finding]:
    for average in rows.averages:
        numbers = parts(rows, average)
        printed = average.get(DROP)
        if printed is None or not numbers:
            continue
        again = mean([exact(number) for _, number in numbers])
        if abs(again - exact(printed)) > SLACK:
            told = ", ".join(f"{row.printed.model} {exact(number)}" for row, number in numbers)
            yield _finding(average, DROP, None, exact(printed), again, told)


def _over_tasks(rows: Rows) -> Iterator[Finding]:
    """Averages over tasks, from the accuracies of the same run in any table of the source."""
    for row in rows.tables:
        for number in row.result.measurements:
            if not (number.task or "").startswith(SUMMARY):
                continue
            count = int((number.task or "").split()[2])
            whole = [
                other
                for other in rows.tables
                if other.key == row.key and len(other.accuracies) == count
            ]
            for other in whole:
                again = sum(m.value for m in other.accuracies.values()) / count
                if abs(again - number.value) > 2 * rows.rounded(row, number).half:
                    told = f"the mean of the {count} accuracies of {other}"
                    new = Decimal(f"{again:.4f}")
                    yield _finding(row, number.metric, number.task, exact(number), new, told)


def _finding(
    row: Row, metric: str, task: str | None, printed: Decimal, again: Decimal, told: str
) -> Finding:
    return Finding(
        id=slug("average", row.printed.place, row.printed.pattern, row.printed.method),
        detector="averages",
        title=f"{row}: the average is printed as {printed}, its parts give {again}.",
        evidence=f"Averaged: {told}.",
        certainty="proved",
        consequence=f"{again} is to be used, or one of the parts is wrong.",
        cells=(row.cell(metric, task),),
    )
