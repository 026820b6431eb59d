"""Accuracy lost against dense, recomputed from a row's accuracies with its standard error.

The dense row that two rows share is counted once in their difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import sqrt

from nmviz.claims.shared.estimate import Estimate, fieller, normal
from nmviz.claims.shared.evidence import Evidence
from nmviz.core.results import Measurement, Result
from nmviz.published import FOUR_TASKS, accuracy
from nmviz.published.accuracy import Pair
from nmviz.published.audit import Finding

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
        return normal(_lost(self), accuracy.of_drop(self.pairs))

    @property
    def printed(self) -> Measurement | None:
        """The drop as the table prints it."""
        return self.sparse.get("average_drop")

    @property
    def examples(self) -> int:
        """How many examples the tasks have together."""
        return sum(self._at(self.sparse, task).n or 0 for task in self.tasks)

    @cached_property
    def pairs(self) -> list[Pair]:
        """The accuracies task by task; with a `floor`, counted from there."""
        found = (accuracy.pair(self.sparse, self.dense, self.metric, task) for task in self.tasks)
        floors = (self.floor.get(task, 0.0) for task in self.tasks)
        return [
            one._replace(sparse=one.sparse - least, dense=one.dense - least)
            for one, least in zip(found, floors, strict=True)
            if one is not None  # rows are made where every task has its error
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
    """A row of a table with its dense row; None where a row, one of its numbers or
    an error is missing."""
    sparse, dense = evidence.row(place, model, pattern, method), evidence.dense(place, model)
    if sparse is None or dense is None:
        return None
    if any(accuracy.pair(sparse, dense, metric, task) is None for task in tasks):
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
    return combined([one, other], [1.0, -1.0])


def combined(rows: Sequence[Row], weights: Sequence[float]) -> Estimate:
    """The sum of so many times each drop, all of the same dense row."""
    each = list(zip(rows, weights, strict=True))
    own = sum(weight**2 * accuracy.own(row.pairs) for row, weight in each)
    both = sum(
        a * b * accuracy.shared(one.pairs, other.pairs) for one, a in each for other, b in each
    )
    return normal(sum(weight * _lost(row) for row, weight in each), own + both)


def ratio(one: Row, other: Row) -> Estimate:
    """How many times as much `one` loses as `other`, with Fieller's interval."""
    variances = (accuracy.of_drop(one.pairs), accuracy.of_drop(other.pairs))
    return fieller(_lost(one), _lost(other), variances, accuracy.shared(one.pairs, other.pairs))


def mean(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of estimates of different models, which are independent."""
    reach = sqrt(sum(((e.high or 0) - (e.low or 0)) ** 2 for e in estimates)) / (2 * len(estimates))
    value = sum(estimate.value for estimate in estimates) / len(estimates)
    if not all(estimate.is_bounded for estimate in estimates):
        return Estimate(value)
    return Estimate(value, value - reach, value + reach)


def _lost(row: Row) -> float:
    return 100 * sum(1 - one.sparse / one.dense for one in row.pairs) / len(row.tasks)
