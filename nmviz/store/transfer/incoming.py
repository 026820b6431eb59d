"""What is about to be imported: results with their places, checked before any of them is kept."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.metrics import METRICS
from nmviz.core.results import Measurement, Result
from nmviz.store.looks import Beside
from nmviz.store.records import Packed, utc
from nmviz.store.transfer.files import LARGEST_COUNT, shown

LONGEST_NAME = 200


@dataclass(frozen=True)
class Incoming:
    """One result and where it stands in its file."""

    packed: Packed
    where: str


@dataclass(frozen=True)
class IncomingLooks:
    """Looks beside a result and where they stand in their file."""

    beside: Beside
    where: str


@dataclass(frozen=True)
class Batch:
    """All of a file: results, the source they are from where it is new, values not kept, looks."""

    results: list[Incoming]
    source: dict[str, Any] | None = None
    left_out: Counter[str] = field(default_factory=Counter)
    looks: list[IncomingLooks] = field(default_factory=list)


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
    if any(one.task is not None and not name_fits(one.task) for one in result.quantities):
        return "a task has no name that can be kept"
    return impossible(result)


def _date_fault(result: Result) -> str | None:
    """Whether it says that it was measured after today; a clock may be a day ahead."""
    latest = utc((datetime.now(UTC) + timedelta(days=1)).isoformat())
    if utc(result.provenance.started) > latest:
        return f"it says it was measured on {shown(result.provenance.started)}, which is to come"
    return None


def impossible(result: Result) -> str | None:
    """What cannot be in the numbers of a result, whoever wrote it, or None."""
    for one in result.quantities:
        if one.metric not in METRICS:
            return f"the metric {shown(one.metric)!r} is not known here"
    return next(filter(None, (*_twice(result), *_outside(result), _date_fault(result))), None)


def _twice(result: Result) -> Iterator[str]:
    named = {
        "": [_called(one.metric, one.task) for one in result.quantities],
        "the layer ": [shown(site.name) for site in result.sites],
        "the drift of block ": [str(one.block) for one in result.drift],
        "the counts of tokens by ": [one.metric for one in result.token_counts],
        "the examples of ": [_called(one.metric, one.task) for one in result.examples],
    }
    for what, names in named.items():
        name, times = Counter(names).most_common(1)[0] if names else ("", 0)
        if times > 1:
            yield f"{what}{name} stands there {times} times"


def _outside(result: Result) -> Iterator[str]:
    yield from filter(None, map(number_fault, result.measurements))
    of_parts = [
        *(("rel_error", site.name, site.rel_error) for site in result.sites),
        *(("kept", site.name, site.kept) for site in result.sites),
        *(("drift", f"block {one.block}", one.drift) for one in result.drift),
    ]
    for metric, place, value in of_parts:
        fault = METRICS.get(metric).fault(value)
        if fault is not None:
            yield f"{_called(metric, place)} {fault}"
    for site in result.sites:
        if site.stderr is not None and not 0 <= site.stderr < math.inf:
            yield f"the error of {shown(site.name)} is {site.stderr:g} uncertain, which cannot be"
        if (site.n is None) != (site.stderr is None) or (site.n is not None and site.n < 1):
            yield f"the error of {shown(site.name)} has not both a standard error and a count"
    cost = result.get("delta_nll")
    if result.unit_costs and (cost is None or cost.n != len(result.unit_costs)):
        yield "it has the costs of other pieces of text than its cost of pruning is the mean of"
    yield from filter(None, (one.fault for one in result.token_counts))
    seconds = result.provenance.seconds
    if seconds is not None and not 0 <= seconds < math.inf:
        yield f"it took {seconds:g} seconds, which is no time"


def _called(metric: str, of: str | None) -> str:
    return f"{metric} of {shown(of)}" if of else metric


def name_fits(name: str, longest: int = LONGEST_NAME) -> bool:
    """Whether a name is there, on one line and not too long. What else it says is only text."""
    return bool(name.strip()) and len(name) <= longest and name.isprintable()


def number_fault(number: Measurement) -> str | None:
    """Why a measurement of a known metric cannot be, or None."""
    what = _called(number.metric, number.task)
    metric = METRICS.get(number.metric)
    if fault := metric.fault(number.value):
        return f"{what} {fault}"
    if number.stderr is not None and (fault := metric.stderr_fault(number.stderr)):
        return f"the standard error of {what} {fault}"
    if number.n is not None and not 0 <= number.n <= LARGEST_COUNT:
        return f"the count of {what} is out of range"
    return None
