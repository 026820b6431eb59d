"""What is about to be imported: results with their places, checked before any of them is kept."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.metrics import METRICS, PAIRED
from nmviz.core.results import Measurement, Result
from nmviz.store.files import LARGEST_COUNT, shown
from nmviz.store.records import Packed

SHARES = frozenset(
    (
        *PAIRED,
        *(f"{name}_p" for name in PAIRED),
        *("top1_agreement", "tie_share", "kept", "mask_overlap"),
    )
)
"""Metrics that lie between 0 and 1. Other ones in shares, such as an error, may be larger."""
PERPLEXITIES = frozenset(name for name in METRICS if "perplexity" in name)
LONGEST_NAME = 200


@dataclass(frozen=True)
class Incoming:
    """One result and where it stands in its file."""

    packed: Packed
    where: str


@dataclass(frozen=True)
class Batch:
    """All of a file: results, the source they are from where it is new, values not kept."""

    results: list[Incoming]
    source: dict[str, Any] | None = None
    left_out: Counter[str] = field(default_factory=Counter)


def admit(packed: Packed, where: str) -> Incoming:
    """The result with its place. UserError when a number or a name in it cannot be."""
    reason = _fault(packed.result)
    if reason is not None:
        raise UserError(f"{where} is refused: {reason}.")
    return Incoming(packed, where)


def _fault(result: Result) -> str | None:
    if not name_fits(result.provenance.source):
        return "its source has no name that can be kept"
    if not name_fits(result.experiment.model, 300):
        return "its model has no name that can be kept"
    quantities = [(number.metric, number.task) for number in result.measurements]
    quantities += [(beyond.metric, beyond.task) for beyond in result.censored]
    for metric, task in quantities:
        if metric not in METRICS:
            return f"the metric {shown(metric)!r} is not known here"
        if task is not None and not name_fits(task):
            return "a task has no name that can be kept"
    cost = result.get("delta_nll")
    if result.unit_costs and (cost is None or cost.n != len(result.unit_costs)):
        return "it has the costs of other pieces of text than its cost of pruning is the mean of"
    return next(filter(None, map(number_fault, result.measurements)), None)


def name_fits(name: str, longest: int = LONGEST_NAME) -> bool:
    """Whether a name is there, on one line and not too long. What else it says is only text."""
    return bool(name.strip()) and len(name) <= longest and name.isprintable()


def number_fault(number: Measurement) -> str | None:
    """Why a measurement cannot be, or None."""
    what = f"{number.metric} of {shown(number.task)}" if number.task else number.metric
    if number.metric in SHARES and not 0 <= number.value <= 1:
        return f"{what} is {number.value:g}, and a share lies between 0 and 1"
    if number.metric in PERPLEXITIES and number.value <= 0:
        return f"{what} is {number.value:g}, and a perplexity is above 0"
    if not math.isfinite(number.value):
        return f"{what} is not a finite number"
    if number.stderr is not None and not (math.isfinite(number.stderr) and number.stderr >= 0):
        return f"the standard error of {what} is {number.stderr:g}, and none is below 0"
    if number.n is not None and not 0 <= number.n <= LARGEST_COUNT:
        return f"the count of {what} is out of range"
    return None
