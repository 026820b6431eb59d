"""Rows of one column that cannot have been evaluated in the same way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import sqrt

from nmviz.base.wording import listed
from nmviz.core.results import Measurement
from nmviz.published.accuracy import variance
from nmviz.published.audit.averages import drop_cells
from nmviz.published.audit.copies import copied
from nmviz.published.audit.finding import Finding
from nmviz.published.audit.logs import beside
from nmviz.published.audit.perplexity import is_trained
from nmviz.published.audit.printed import PERPLEXITY, Place, Row, Rows, exact, slug, unique
from nmviz.published.audit.typos import find_typos
from nmviz.published.cells import Cell

ALIKE = 0.02
"""Perplexities this close, as a share, say that two rows prune equally well."""
APART = 4
"""Standard errors of their difference beyond which two accuracies are not equally good."""


@dataclass(frozen=True)
class Pair:
    """Two rows of equal perplexity, and the task where they are furthest apart."""

    low: Row
    high: Row
    task: str
    errors: float  # how many standard errors apart


def apart(one: Measurement, other: Measurement) -> float | None:
    """Difference of two accuracies in standard errors, unpaired; None where a count is unknown."""
    found = [variance(one), variance(other)]
    if found[0] is None or found[1] is None or not any(found):
        return None
    return (other.value - one.value) / sqrt(found[0] + found[1])


def pairs(column: Sequence[Row]) -> Iterator[Pair]:
    """Pairs of untrained activation rows of one pattern that perplexity calls equal and an
    accuracy does not."""
    rows = [row for row in column if _comparable(row) and not is_trained(row)]
    for one, other in combinations(rows, 2):
        if one.key[1] == other.key[1] and _alike(one, other):
            far = [
                Pair(*((one, other) if d > 0 else (other, one)), task, abs(d))
                for task, number in one.accuracies.items()
                if task in other.accuracies
                and (d := apart(number, other.accuracies[task])) is not None
                and abs(d) > APART
            ]
            if far:
                yield max(far, key=lambda pair: pair.errors)


def _comparable(row: Row) -> bool:
    return row.result.experiment.target == "activation" and bool(row.accuracies)


def _alike(one: Row, other: Row) -> bool:
    a, b = one.get(PERPLEXITY), other.get(PERPLEXITY)
    if a is None or b is None:
        return False
    return abs(a.value - b.value) <= ALIKE * min(a.value, b.value)


def split(column: Sequence[Row], worst: Pair) -> tuple[list[Row], list[Row]]:
    """The column in two groups by the task of its worst pair, cut where the gap between
    neighbouring values, in standard errors, is widest among those between the pair."""
    task = worst.task
    ranked = sorted(column, key=lambda row: row.accuracies[task].value)
    low, high = (row.accuracies[task].value for row in (worst.low, worst.high))
    cuts = [
        (apart(one.accuracies[task], other.accuracies[task]) or 0.0, count)
        for count, (one, other) in enumerate(pairwise(ranked), start=1)
        if low <= one.accuracies[task].value and other.accuracies[task].value <= high
    ]
    _, cut = max(cuts)
    return ranked[:cut], ranked[cut:]


def find_settings(rows: Rows) -> Iterator[Finding]:
    """One finding for each column in two groups; rows that are in doubt already are left out."""
    doubtful = doubtful_accuracies(rows)
    for (place, model), column in rows.columns.items():
        sound = [row for row in column if doubtful.isdisjoint(row.accuracy_cells)]
        if found := list(pairs(sound)):
            yield _mixed(rows, place, model, sound, found)


def doubtful_accuracies(rows: Rows) -> frozenset[Cell]:
    """Accuracies that are copied, mistyped or not those of the logs."""
    copies = [cell for row in copied(rows) for cell in row.accuracy_cells]
    others = [cell for one in beside(rows) for cell in one.cells if cell.metric == "acc"]
    typos = [cell for finding in find_typos(rows) for cell in finding.cells]
    return frozenset((*copies, *others, *typos))


def _mixed(rows: Rows, place: Place, model: str, column: list[Row], found: list[Pair]) -> Finding:
    dense = rows.dense(column[0])
    worst = max(found, key=lambda pair: pair.errors)
    compared = [row for row in column if _comparable(row)] + ([dense] if dense else [])
    low, high = split([row for row in compared if worst.task in row.accuracies], worst)
    away = high if any(row is dense for row in low) else low
    side = "lower" if away is high else "upper"
    a, b = worst.low, worst.high
    return Finding(
        id=slug("settings", place[1], model),
        detector="settings",
        title=f"{place[1]}, {model}: {a.printed.method} and {b.printed.method} have perplexities "
        f"of {_perplexity(a)} and {_perplexity(b)}, but {exact(a.accuracies[worst.task])} and "
        f"{exact(b.accuracies[worst.task])} on {worst.task}, {worst.errors:.0f} standard errors "
        "apart.",
        evidence=f"Pairs of rows that agree in perplexity within {ALIKE:.0%} and differ in an "
        f"accuracy by more than {APART} standard errors (binomial, from the task's size): "
        f"{len(found)}. Cut at the widest gap on {worst.task}: {_group(low, worst.task)}; and "
        f"{_group(high, worst.task)}.",
        certainty="inferred",
        consequence="The two groups were evaluated in different ways, perhaps with and without a "
        f"chat template, and cannot be ranked together. The dense row is in the {side} one, so "
        f"the average drops of {listed(row.printed.method for row in away)} are against a dense "
        "row of other settings."
        if dense
        else "The two groups were evaluated in different ways and cannot be ranked together.",
        cells=cells_of(rows, away),
    )


def _perplexity(row: Row) -> str:
    number = row.get(PERPLEXITY)
    return str(exact(number)) if number else "none"


def _group(group: list[Row], task: str) -> str:
    return listed(f"{row.printed.method} {row.accuracies[task].printed}" for row in group)


def cells_of(rows: Rows, group: list[Row]) -> tuple[Cell, ...]:
    """The accuracies of these rows, and their average drops wherever they are printed."""
    accuracies = (cell for row in group if not row.is_dense for cell in row.accuracy_cells)
    return unique((*accuracies, *drop_cells(rows, rows.like(group))))
