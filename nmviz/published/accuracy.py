"""How sure an accuracy is, and a drop made of accuracies: the one place where it is worked out.

A logged standard error counts as it stands. Elsewhere it is binomial with n - 1, as lm-eval has it;
where a value is worked out from printed digits, what rounding to them adds is in it too. Tasks are
independent; two rows of a model are taken as unpaired, since which examples each got right is not
printed: that makes errors too wide rather than too narrow.
"""

from collections.abc import Sequence
from typing import NamedTuple

from nmviz.core.results import Measurement, Result


class Pair(NamedTuple):
    """One task: the accuracies of a sparse row and of its dense row, each with its variance."""

    sparse: float
    of_sparse: float
    dense: float
    of_dense: float


def variance(accuracy: Measurement, digits: int = 0) -> float | None:
    """Of an accuracy printed with so many decimals; with 0 of the printed value as it is. None
    where neither an error nor a count of examples is known."""
    if accuracy.stderr is not None:
        return accuracy.stderr**2
    if accuracy.n is None or accuracy.n < 2 or not 0 <= accuracy.value <= 1:
        return None
    rounding = 10.0 ** (-2 * digits) / 12 if digits else 0.0
    return accuracy.value * (1 - accuracy.value) / (accuracy.n - 1) + rounding


def decimals(result: Result, metric: str) -> int:
    """Decimals a row's numbers are printed with: the most of any, since trailing zeros get lost."""
    numbers = [one for one in result.measurements if one.metric == metric]
    return max((len((one.printed or "").partition(".")[2]) for one in numbers), default=0)


def pair(sparse: Result, dense: Result, metric: str, task: str | None) -> Pair | None:
    """One task of two rows; None where a number or its error is not known."""
    found: list[float] = []
    for row in (sparse, dense):
        number = row.get(metric, task)
        error = variance(number, decimals(row, metric)) if number else None
        if number is None or error is None:
            return None
        found += [number.value, error]
    return Pair(*found)


def own(pairs: Sequence[Pair]) -> float:
    """Variance of an average drop in percent, from the sparse accuracies alone."""
    return (100 / len(pairs)) ** 2 * sum(one.of_sparse / one.dense**2 for one in pairs)


def shared(one: Sequence[Pair], other: Sequence[Pair]) -> float:
    """Covariance of two drops through the dense accuracies they share; a variance where equal."""
    return (100 / len(one)) ** 2 * sum(
        a.sparse * b.sparse * a.of_dense / a.dense**4 for a, b in zip(one, other, strict=True)
    )


def of_drop(pairs: Sequence[Pair]) -> float:
    """Variance of an average drop in percent: 100 * mean over tasks of (dense - sparse) / dense."""
    return own(pairs) + shared(pairs, pairs)
