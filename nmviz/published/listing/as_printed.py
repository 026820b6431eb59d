"""What a published result says of itself: where it stands, which tasks, in how many digits."""

from collections.abc import Sequence

from nmviz.core.results import Printed, Result
from nmviz.published import FOUR_TASKS, SUMMARY

MEAN_OF_11 = f"{SUMMARY}11 tasks"


def printed_of(result: Result) -> Printed:
    """Where and how a published result was printed. ValueError for a run of our own."""
    printed = result.provenance.printed
    if printed is None:
        raise ValueError("a run of our own is no published result")
    return printed


def stands(result: Result) -> tuple[str, str]:
    """The table it stands in, and under which name of a model."""
    return printed_of(result).place, printed_of(result).model


def tasks_of(result: Result, metric: str) -> set[str]:
    """The tasks that a metric is given for."""
    return {one.task or "" for one in result.measurements if one.metric == metric}


def tasks_of_printed(result: Result) -> tuple[str, ...]:
    """What a printed drop is a mean over: the paper's four tasks, but where it says eleven."""
    return () if result.get("acc", MEAN_OF_11) else FOUR_TASKS


def digits(result: Result, tasks: Sequence[str]) -> int:
    """How many characters its accuracies of these tasks were printed with, together."""
    return sum(
        len((one.printed if (one := result.get("acc", task)) else "") or "") for task in tasks
    )
