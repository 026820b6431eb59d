"""The cost of an experiment on an axis: a share of dense, millijoules, or bits an entry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Self

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.hardware.counts import Counts, count
from nmviz.hardware.energy import energy
from nmviz.hardware.facts import shipped
from nmviz.hardware.metadata import row_bits
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.roofline import bound, dense_bound, has_units
from nmviz.hardware.work import Work
from nmviz.methods.method import UNKNOWN
from nmviz.methods.pattern_lists import Patterns
from nmviz.methods.patterns import Pattern, parse_pattern
from nmviz.methods.site_lists import Sites
from nmviz.service.tradeoffs.axes import LENGTH, Asked
from nmviz.service.tradeoffs.cost import calls_of, near, question


class Span(NamedTuple):
    """A cost on an axis, and from where to where it lies; all the same where it is one number."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float | None) -> Self | None:
        """One number."""
        return None if value is None else cls(value, value, value)


@dataclass(frozen=True)
class Priced:
    """What an axis may be read from."""

    model: str
    counts: Counts
    pruning: Pruning
    work: Work
    asked: Asked


class Made(NamedTuple):
    """What a model was made into, as it is written."""

    model: str
    target: str
    pattern: str
    plan: tuple[str, ...] | None
    sites: str
    left_out: frozenset[int]
    methods: tuple[str, ...]
    metadata: str


def share(experiment: Experiment, asked: Asked, left_out: Sequence[int] = ()) -> Span | None:
    """The cost of an experiment on the axis that is asked, of whose model these blocks are left
    out; None where it is not known."""
    written = ";".join(experiment.sites.entries) or "all"
    return _share(
        experiment.model,
        experiment.target,
        experiment.pattern,
        experiment.plan,
        written,
        frozenset(left_out),
        (experiment.criterion, *experiment.mitigations),
        Asked(
            cost=asked.cost,
            machine=asked.machine,
            own=asked.own,
            dtype=asked.dtype,
            metadata=asked.metadata,
        ),
    )


@lru_cache(maxsize=8192)
def _share(
    model: str,
    target: str,
    pattern: str,
    plan: tuple[str, ...] | None,
    sites: str,
    left_out: frozenset[int],
    methods: tuple[str, ...],
    asked: Asked,
) -> Span | None:
    if asked.cost == "metadata":
        return None if plan else Span.of(_bits(parse_pattern(pattern), asked.metadata))
    phase = "decode" if asked.cost in ("bytes", "energy") else "prefill"
    adding = _adding(target, methods)
    if adding is None:
        return None
    made = Made(model, target, pattern, plan, sites, left_out, adding, asked.metadata)
    work = Work(phase, LENGTH, LENGTH, 1, asked.dtype)  # type: ignore[arg-type]
    counted = _counted(made, work)
    if counted is None:
        return None
    priced = Priced(model, *counted, work, asked)
    return _energy(priced) if asked.cost == "energy" else Span.of(_READ[asked.cost](priced))


@lru_cache(maxsize=4096)
def _counted(made: Made, work: Work) -> tuple[Counts, Pruning] | None:
    """Once for all costs that are of the same work; None for a pattern that the shape does not
    divide."""
    try:
        pruning = _pruning(made)
        return count(shipped()[made.model], work, pruning), pruning
    except UserError:
        return None


def _pruning(made: Made) -> Pruning:
    methods = calls_of(made.target, *made.methods)
    if made.plan is not None:
        patterns = Patterns.read(made.plan)
        return Pruning.by_plan(made.target, patterns, metadata=made.metadata, methods=methods)
    return Pruning.of(
        made.target,
        parse_pattern(made.pattern),
        sites=Sites.read(made.sites),
        metadata=made.metadata,
        methods=methods,
        left_out=made.left_out,
    )


@lru_cache(maxsize=1024)
def _adding(target: str, methods: tuple[str, ...]) -> tuple[str, ...] | None:
    """The criterion and the mitigations that add something: the others leave all counts as they
    are. A setting that nobody printed is its default where the method adds no product with a
    matrix, as it changes no more than some numbers a channel then; None where it adds one."""
    written = [one.partition("(")[0] if UNKNOWN in one else one for one in methods]
    added = [call.adds(8, 8) for call in calls_of(target, *written)]
    if any(UNKNOWN in one and of.multiply_adds for one, of in zip(methods, added, strict=True)):
        return None
    criterion, *mitigations = (
        (name, of.multiply_adds or of.numbers) for name, of in zip(written, added, strict=True)
    )
    kept = criterion[0] if criterion[1] else "magnitude"
    return (kept, *(name for name, counts in mitigations if counts))


def _bits(mask: Pattern, metadata: str) -> float | None:
    """Bits an entry of a run of M entries; of P%, of 4,096."""
    size = mask.group or 4096
    kept = int(mask.keep or 0) if mask.group else size - mask.dropped(size)
    return row_bits(mask, metadata, size, kept) / size


def _percent(left: float | None, dense: float | None) -> float | None:
    return None if left is None or not dense else 100 * left / dense


def _energy(one: Priced) -> Span | None:
    """Millijoules, at the most that is printed and down to the least."""
    found = energy(one.counts.multiply_adds(), one.counts.bytes().total, one.work.dtype)
    if found is None:
        return None
    least, most = (1000 * joules for joules in found.total)
    return Span(most, least, most)


def _time(one: Priced, *, any_units: bool) -> float | None:
    machine = one.asked.accelerator()
    left = bound(one.counts, one.pruning, one.work, machine, any_units=any_units)
    return _percent(left.seconds, dense_bound(one.counts, one.work, machine).seconds)


def _hypothetical(one: Priced) -> float | None:
    """Where the machine has the units nothing is."""
    has = not one.pruning.needs_units or has_units(one.pruning, one.asked.accelerator())
    return _time(one, any_units=not has)


def _measured(one: Priced) -> float | None:
    asked = question(shipped()[one.model], one.pruning, one.work, one.asked.accelerator())
    found = None if asked is None else near(asked)
    return None if found is None else 100 / found.measured.ratio


_READ: Mapping[str, Callable[[Priced], float | None]] = {
    "bytes": lambda one: _percent(one.counts.bytes().total, one.counts.bytes(dense=True).total),
    "multiply_adds": lambda one: _percent(
        one.counts.multiply_adds(), one.counts.multiply_adds(dense=True)
    ),
    "bound": lambda one: _time(one, any_units=False),
    "hypothetical": _hypothetical,
    "measured": _measured,
}
