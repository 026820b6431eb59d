"""Accuracies with one wrong digit: where another digit would make the printed drop follow."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nmviz.published.audit.drops import Check, checks
from nmviz.published.audit.finding import Finding
from nmviz.published.audit.printed import Row, Rows, drop, exact, slug


@dataclass(frozen=True)
class Typo:
    """One digit changed, and the drop it gives."""

    row: Row
    task: str
    printed: str
    instead: str
    drop: float


def typos(rows: Rows, wrong: Check) -> list[Typo]:
    """Every change of one digit of one accuracy that explains a failing drop.

    The printed value must lie outside, and the other inside, what the rest of the column prints;
    the drop must then agree within the standard deviation of its rounding error.
    """
    found = []
    for task, number in wrong.row.accuracies.items():
        low, high = _range(rows, wrong.row, task)
        if low <= number.value <= high:
            continue
        for text in _changed(str(exact(number))):
            if low <= float(text) <= high and (again := _again(rows, wrong, task, float(text))):
                found.append(Typo(wrong.row, task, str(exact(number)), text, again))
    return found


def _range(rows: Rows, row: Row, task: str) -> tuple[float, float]:
    """What the other rows of the column print for the task, the dense row too."""
    column = rows.columns[row.column]
    dense = rows.dense(row)
    others = [other for other in column if other is not row]
    values = [
        number.value
        for other in (*others, *([dense] if dense else []))
        if (number := other.accuracies.get(task))
    ]
    return min(values, default=1.0), max(values, default=0.0)


def _changed(text: str) -> Iterator[str]:
    for at, digit in enumerate(text):
        for other in "0123456789" if digit.isdigit() else "":
            if other != digit and at > text.index("."):
                yield text[:at] + other + text[at + 1 :]


def _again(rows: Rows, wrong: Check, task: str, value: float) -> float | None:
    """The drop with another accuracy, where it is the printed one within rounding."""
    dense = rows.dense(wrong.row)
    if dense is None:
        return None
    tasks = list(wrong.row.accuracies)
    sparse = rows.of(wrong.row, tasks)
    sparse[tasks.index(task)] = replace(sparse[tasks.index(task)], value=value)
    again = drop(sparse, rows.of(dense, tasks))
    return again.value if abs(again.value - wrong.printed) <= again.deviation else None


def find_typos(rows: Rows) -> Iterator[Finding]:
    """One finding for each row with exactly one such change, where most of its column is sound."""
    made = checks(rows)
    for wrong in (one for one in made if one.certainty):
        column = [one for one in made if one.row.column == wrong.row.column]
        failing = [one for one in column if one.certainty]
        found = typos(rows, wrong)
        if len(found) == 1 and 2 * len(failing) < len(column):
            yield _finding(wrong, found[0])


def _finding(wrong: Check, typo: Typo) -> Finding:
    row = typo.row
    return Finding(
        id=slug("typo", row.printed.place, row.printed.model, row.method, typo.task),
        detector="typos",
        title=f"{row}: {typo.printed} on {typo.task} is probably {typo.instead}; the drop is then "
        f"{typo.drop:.2f} instead of {wrong.recomputed.value:.2f}, printed {wrong.printed:.2f}.",
        evidence=f"{typo.printed} lies outside all other values of the column and {typo.instead} "
        "inside; no other change of one digit does both.",
        certainty="inferred",
        consequence=f"Read {typo.instead} on {typo.task}; the printed drop stands.",
        cells=(row.cell("acc", typo.task),),
    )
