"""Accuracy lost against dense, recomputed from a row's accuracies with its standard error.

Two rows of one model are of the same examples, which the paper does not print; taken as independent
their difference gets an interval that is too wide rather than too narrow. The dense row that both
share is counted once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import sqrt

from nmviz.audit import Finding
from nmviz.claims.estimate import Estimate, fieller, normal
from nmviz.claims.evidence import Evidence
from nmviz.published import FOUR_TASKS
from nmviz.results import Measurement, Result

GUESSING = {"arc_easy": 0.25, "boolq": 0.5, "piqa": 0.5, "winogrande": 0.5}
"""What picking an answer blindly gets right."""
HOW = (
    "binomial, from the sizes of the tasks and the rounding of the printed accuracies; "
    "sparse and dense taken as unpaired"
)


@dataclass(frozen=True)
class Row:
    """A sparse row beside the dense row of its model in the same table."""

    label: str
    sparse: Result
    dense: Result
    findings: tuple[Finding, ...] = ()
    suspect: tuple[Finding, ...] = ()  # those that doubt an accuracy, so the recomputed drop too
    tasks: tuple[str, ...] = FOUR_TASKS
    metric: str = "acc"
    floor: Mapping[str, float] = field(default_factory=dict)  # a task's share right by guessing

    @cached_property
    def drop(self) -> Estimate:
        """100 * mean over tasks of (dense - sparse) / dense, in percent."""
        return normal(_lost(self), _own_variance(self) + _shared(self, self))

    @property
    def printed(self) -> Measurement | None:
        """The drop as the table prints it."""
        return self.sparse.get("average_drop")

    @property
    def examples(self) -> int:
        """How many examples the tasks have together."""
        return sum(self._at(self.sparse, task).n or 0 for task in self.tasks)

    @cached_property
    def ratios(self) -> list[tuple[float, float, float, float]]:
        """A task: sparse accuracy and its variance, dense accuracy and its variance.

        With a `floor`, accuracies are counted from there.
        """
        pairs = [(self._at(self.sparse, task), self._at(self.dense, task)) for task in self.tasks]
        of_sparse, of_dense = (_digits(numbers) for numbers in zip(*pairs, strict=True))
        floors = [self.floor.get(task, 0.0) for task in self.tasks]
        return [
            (s.value - least, _variance(s, of_sparse), d.value - least, _variance(d, of_dense))
            for (s, d), least in zip(pairs, floors, strict=True)
        ]

    def _at(self, result: Result, task: str) -> Measurement:
        found = result.get(self.metric, task)
        assert found is not None, "rows are made where every task is there"
        return found


def row(
    evidence: Evidence,
    place: str,
    model: str,
    pattern: str,
    method: str,
    tasks: tuple[str, ...] = FOUR_TASKS,
    metric: str = "acc",
) -> Row | None:
    """A row of a table with its dense row; None where a row or one of its numbers is missing."""
    sparse, dense = evidence.row(place, model, pattern, method), evidence.dense(place, model)
    if sparse is None or dense is None:
        return None
    if any(one.get(metric, task) is None for one in (sparse, dense) for task in tasks):
        return None
    several = len(evidence.rows(place, model, pattern, method)) > 1
    named = sparse.provenance.printed.method if several and sparse.provenance.printed else method
    suspect = [f for one in (sparse, dense) for f in evidence.findings_of(one, metric)]
    return Row(
        label=f"{named}, {pattern}",
        sparse=sparse,
        dense=dense,
        findings=tuple(dict.fromkeys((*suspect, *evidence.findings_of(sparse)))),
        suspect=tuple(dict.fromkeys(suspect)),
        tasks=tasks,
        metric=metric,
    )


def above_guessing(row: Row) -> Row:
    """The row with its accuracies counted from what guessing gets right."""
    return replace(row, floor=GUESSING, label=f"{row.label}, above guessing")


def difference(one: Row, other: Row) -> Estimate:
    """How many points more of its accuracy `one` loses than `other`, of the same dense row."""
    count = len(one.tasks)
    shared = sum(
        ((a - b) / d**2) ** 2 * of_d
        for (a, _, d, of_d), (b, _, _, _) in zip(one.ratios, other.ratios, strict=True)
    )
    variance = _own_variance(one) + _own_variance(other) + (100 / count) ** 2 * shared
    return normal(_lost(one) - _lost(other), variance)


def ratio(one: Row, other: Row) -> Estimate:
    """How many times as much `one` loses as `other`, with Fieller's interval."""
    variances = tuple(_own_variance(row) + _shared(row, row) for row in (one, other))
    return fieller(_lost(one), _lost(other), (variances[0], variances[1]), _shared(one, other))


def mean(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of estimates of different models, which are independent."""
    reach = sqrt(sum(((e.high or 0) - (e.low or 0)) ** 2 for e in estimates)) / (2 * len(estimates))
    value = sum(estimate.value for estimate in estimates) / len(estimates)
    if not all(estimate.is_bounded for estimate in estimates):
        return Estimate(value)
    return Estimate(value, value - reach, value + reach)


def _lost(row: Row) -> float:
    return 100 * sum(1 - s / d for s, _, d, _ in row.ratios) / len(row.tasks)


def _own_variance(row: Row) -> float:
    """Of the drop, from the sparse accuracies alone."""
    return (100 / len(row.tasks)) ** 2 * sum(of_s / d**2 for _, of_s, d, _ in row.ratios)


def _shared(one: Row, other: Row) -> float:
    """Covariance of two drops through the dense accuracies they share; a variance where equal."""
    pairs = zip(one.ratios, other.ratios, strict=True)
    return (100 / len(one.tasks)) ** 2 * sum(
        a * b * of_d / d**4 for (a, _, d, of_d), (b, _, _, _) in pairs
    )


def _digits(numbers: Sequence[Measurement]) -> int:
    """Decimals a row was printed with: the most of any, since trailing zeros get lost."""
    return max(len((number.printed or "").partition(".")[2]) for number in numbers)


def _variance(accuracy: Measurement, digits: int) -> float:
    """Of an accuracy: logged or binomial, and what rounding to the printed digits adds."""
    if accuracy.stderr is not None:
        return accuracy.stderr**2
    n = accuracy.n or 0
    if n < 2:
        return float("inf")
    rounding = 10.0 ** (-2 * digits) / 12 if digits else 0.0
    return accuracy.value * (1 - accuracy.value) / (n - 1) + rounding
