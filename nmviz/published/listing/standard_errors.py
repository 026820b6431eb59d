"""Standard errors of the rows: logged, binomial, propagated, paired, or why there is none."""

from collections.abc import Sequence
from math import fsum, sqrt
from typing import NamedTuple

from nmviz.core.results import Measurement, Result
from nmviz.published import accuracy
from nmviz.published.accuracy import decimals, variance

NO_ACCURACIES = "not known: printed without the accuracies behind it"
NO_SPREAD = "not known: how it spreads over the text is not printed"
NO_TASKS = "not known: a mean printed without its tasks"
NO_PAIRS = "not known: the run was not compared with its dense model"
CENSORED = "not known: printed as OUT, which is no number"


class Error(NamedTuple):
    """A standard error, None where it is not known, and where it is from."""

    value: float | None
    origin: str


def error_of(one: Measurement) -> Error:
    """The standard error of one printed number."""
    if one.stderr is not None:
        return Error(one.stderr, "log")
    if one.metric == "average_drop":
        return Error(None, NO_ACCURACIES)
    if one.metric == "perplexity":
        return Error(None, NO_SPREAD)
    found = variance(one)
    return Error(None, NO_TASKS) if found is None else Error(sqrt(found), f"binomial, n = {one.n}")


def of_mean(result: Result, parts: Sequence[Measurement]) -> Error:
    """The standard error of a mean over tasks, taken as independent; of one, of what is printed."""
    if len(parts) == 1:
        return error_of(parts[0])
    found = [variance(one, decimals(result, one.metric)) for one in parts]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return Error(None, NO_TASKS)
    return Error(sqrt(fsum(known)) / len(known), f"{_kinds(parts)}; tasks independent")


def of_drop(sparse: Result, dense: Result, tasks: Sequence[str | None]) -> Error:
    """The standard error, in percent, of the mean of (dense - sparse) / dense over tasks.

    Both models answer the same examples, so the true error is smaller; it cannot be known from
    printed accuracies.
    """
    found = [accuracy.pair(sparse, dense, "acc", task) for task in tasks]
    pairs = [one for one in found if one is not None]
    if len(pairs) < len(found):
        return Error(None, NO_TASKS)
    used = [number for row in (sparse, dense) for task in tasks if (number := row.get("acc", task))]
    independent = "tasks independent, " if len(tasks) > 1 else ""
    origin = f"{_kinds(used)}; {independent}dense and sparse unpaired"
    return Error(sqrt(accuracy.of_drop(pairs)), origin)


def of_paired_drop(
    parts: Sequence[Measurement],
    levels: Sequence[Measurement],
    apart: Sequence[Measurement | None],
) -> Error:
    """The same where the differences between the two are known example by example (`apart`)."""
    found = [
        _of_ratio(one, level, difference.stderr)
        for one, level, difference in zip(parts, levels, apart, strict=True)
        if difference and None not in (one.stderr, level.stderr, difference.stderr)
    ]
    if len(found) < len(parts):
        return Error(None, NO_PAIRS)
    independent = "; tasks independent" if len(parts) > 1 else ""
    return Error(100 * sqrt(fsum(found)) / len(found), f"paired, n = {parts[0].n}{independent}")


def _of_ratio(sparse: Measurement, dense: Measurement, apart: float | None) -> float:
    """Variance of sparse / dense to first order; the errors give how the two vary together."""
    of_sparse, of_dense, of_both = (
        (one or 0.0) ** 2 for one in (sparse.stderr, dense.stderr, apart)
    )
    ratio = sparse.value / dense.value
    together = (of_sparse + of_dense - of_both) / 2
    return (of_sparse + ratio**2 * of_dense - 2 * ratio * together) / dense.value**2


def _kinds(numbers: Sequence[Measurement]) -> str:
    """`binomial, n = 1267 to 3270, with rounding`, `log`, or both."""
    counts = sorted({one.n for one in numbers if one.stderr is None and one.n is not None})
    kinds = ["log"] if any(one.stderr is not None for one in numbers) else []
    if counts:
        reach = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
        kinds.append(f"binomial, n = {reach}, with rounding")
    return " and ".join(kinds)
