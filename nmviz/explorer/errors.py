"""Standard errors of published numbers: logged, binomial, propagated, or why there is none."""

from collections.abc import Sequence
from math import fsum, sqrt
from typing import NamedTuple

from nmviz.results import Measurement

NO_ACCURACIES = "not known: printed without the accuracies behind it"
NO_SPREAD = "not known: how it spreads over the text is not printed"
NO_TASKS = "not known: a mean printed without its tasks"
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
    if one.n is None or not 0 <= one.value <= 1:
        return Error(None, NO_TASKS)
    return Error(sqrt(one.value * (1 - one.value) / one.n), f"binomial, n = {one.n}")


def of_mean(parts: Sequence[Measurement]) -> Error:
    """The standard error of a mean over tasks, taken as independent."""
    errors = [error_of(one) for one in parts]
    if len(errors) == 1:
        return errors[0]
    if any(error.value is None for error in errors):
        return Error(None, NO_TASKS)
    total = fsum((error.value or 0.0) ** 2 for error in errors)
    return Error(sqrt(total) / len(parts), f"{_kinds(errors)}; tasks independent")


def of_drop(sparse: Sequence[Measurement], dense: Sequence[Measurement]) -> Error:
    """The standard error, in percent, of the mean of (dense - sparse) / dense over tasks.

    Tasks are taken as independent and the two models as unpaired. Both answer the same examples,
    so the true error is smaller; it cannot be known from printed accuracies.
    """
    errors, levels = [error_of(one) for one in sparse], [error_of(one) for one in dense]
    if any(error.value is None for error in (*errors, *levels)):
        return Error(None, NO_TASKS)
    squares = [
        ((error.value or 0.0) / ref.value) ** 2
        + (one.value * (level.value or 0.0) / ref.value**2) ** 2
        for one, ref, error, level in zip(sparse, dense, errors, levels, strict=True)
    ]
    origin = _kinds([*errors, *levels])
    tasks = "tasks independent, " if len(sparse) > 1 else ""
    return Error(
        100 * sqrt(fsum(squares)) / len(squares), f"{origin}; {tasks}dense and sparse unpaired"
    )


def _kinds(errors: Sequence[Error]) -> str:
    """`binomial, n = 1267 to 3270`, `log`, or both."""
    counts = sorted(
        {int(error.origin.rpartition(" ")[2]) for error in errors if "n = " in error.origin}
    )
    kinds = ["log"] if any(error.origin == "log" for error in errors) else []
    if counts:
        reach = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
        kinds.append(f"binomial, n = {reach}")
    return " and ".join(kinds)
