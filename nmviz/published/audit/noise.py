"""Columns in which the methods differ no more than the accuracies are uncertain."""

from collections.abc import Iterator
from math import sqrt
from statistics import stdev

from nmviz.published.accuracy import Pair, own, variance
from nmviz.published.audit.finding import Finding
from nmviz.published.audit.printed import DROP, Row, Rows, exact, slug

FEWEST = 5
"""Methods that make a spread worth a word."""
LEVEL = 0.95


def error(rows: Rows, row: Row) -> float | None:
    """Standard error of an average drop in points, from the row's own accuracies; the dense row is
    taken as given, since the rows that are compared share it, and drops were printed unrounded."""
    dense = rows.dense(row)
    if dense is None or not row.accuracies or not set(row.accuracies) <= set(dense.accuracies):
        return None
    found = [
        Pair(number.value, of_sparse, dense.accuracies[task].value, 0.0)
        for task, number in row.accuracies.items()
        if (of_sparse := variance(number)) is not None
    ]
    return sqrt(own(found)) if len(found) == len(row.accuracies) else None


def limit(count: int) -> float:
    """The largest standard deviation, in standard errors, that so many equally good methods show
    19 times of 20: a chi-square test of homogeneity."""
    from scipy.special import chdtri  # takes as long to load as the whole audit to run

    return sqrt(float(chdtri(count - 1, 1 - LEVEL)) / (count - 1))


def find_noise(rows: Rows) -> Iterator[Finding]:
    """One finding for each column, of one pattern, whose spread chance explains."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for (place, model), column in rows.columns.items():
        for row in column:
            if row.result.experiment.target == "activation" and row.get(DROP):
                groups.setdefault((place[1], model, row.printed.pattern), []).append(row)
    for name, group in groups.items():
        errors = [e for row in group if (e := error(rows, row)) is not None]
        if len(errors) == len(group) >= FEWEST:
            yield from _finding(rows, name, group, sum(errors) / len(errors))


def _finding(
    rows: Rows, name: tuple[str, str, str], group: list[Row], typical: float
) -> Iterator[Finding]:
    numbers = sorted(exact(n) for row in group if (n := row.get(DROP)))
    spread, allowed = stdev(map(float, numbers)), limit(len(group)) * typical
    if spread > allowed:
        return
    yield Finding(
        id=slug("noise", *name),
        detector="noise",
        title=f"{name[0]}, {name[1]}, {name[2]}: the average drops of {len(group)} activation "
        f"methods, {numbers[0]} to {numbers[-1]} %, have a standard deviation of {spread:.2f} "
        f"points; noise alone gives {typical:.2f}.",
        evidence=f"{typical:.2f} is the standard error of one drop (binomial, from the tasks' "
        f"sizes, not paired); up to {allowed:.2f} may be chance (chi-square, {LEVEL:.0%})."
        + _patterns(rows, group[0], typical),
        certainty="inferred",
        consequence="No method can be called better than another here; answers to the same "
        "questions, compared one by one, may tell them apart.",
        cells=(),
    )


def _patterns(rows: Rows, like: Row, typical: float) -> str:
    """The spread of patterns under one method of the same model, for comparison."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows.tables:
        grouped = row.result.experiment.mask.is_grouped and row.get(DROP)
        if grouped and row.key[0] == like.key[0]:
            found.setdefault((row.printed.place, row.method), []).append(row)
    most = max(found.values(), key=lambda group: len({row.key[1] for row in group}), default=[])
    drops = [(number.value, row) for row in most if (number := row.get(DROP))]
    if len({row.key[1] for row in most}) < 3:
        return ""
    told = ", ".join(f"{row.printed.pattern} {value:.2f}" for value, row in drops)
    spread = max(value for value, _ in drops) - min(value for value, _ in drops)
    return (
        f" Patterns differ by more: {most[0].method} in {most[0].printed.place} has {told}, "
        f"{spread / typical:.0f} standard errors."
    )
