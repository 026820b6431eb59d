"""The time that a phase takes at least: by the peak of the units or by the memory, whichever is
longer (Williams, Waterman and Patterson, Communications of the ACM 52(4), 2009)."""

from dataclasses import dataclass
from typing import Literal

from nmviz.hardware.accelerators import Accelerator
from nmviz.hardware.counts import Cost, Counts
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.work import Work
from nmviz.methods.patterns import Pattern

Limit = Literal["compute", "memory"]


@dataclass(frozen=True)
class Bound:
    """Seconds by each limit, None where the sheet does not say; `seconds` is the longer of them."""

    compute: float | None
    memory: float | None

    @property
    def limit(self) -> Limit | None:
        """Which of them holds; with only one known, nothing is said of the other."""
        if self.compute is None or self.memory is None:
            return None
        return "compute" if self.compute >= self.memory else "memory"

    @property
    def seconds(self) -> float | None:
        """At least so long, by what is known."""
        return max((one for one in (self.compute, self.memory) if one is not None), default=None)


def roofline(operations: float, moved: float, peak: float | None, bandwidth: float | None) -> Bound:
    """`operations` at `peak` tera-operations a second, `moved` bytes at `bandwidth` GB a second."""
    return Bound(
        None if not peak else operations / (peak * 1e12),
        None if not bandwidth else moved / (bandwidth * 1e9),
    )


def fits(pattern: Pattern, units: Pattern | None) -> bool:
    """Whether every mask of a pattern is one that the units take: 1:4 on units for 2:4 is."""
    if units is None or not pattern.is_grouped or not units.is_grouped:
        return False
    group, wide = int(pattern.group or 1), int(units.group or 1)
    blocks = -(-wide // group) if wide % group == 0 else None
    if blocks is None:
        return False
    return blocks * int(pattern.keep or 0) <= int(units.keep or 0)


def bound(
    counts: Counts, pruning: Pruning, work: Work, machine: Accelerator, *, any_units: bool = False
) -> Bound:
    """Of a whole phase, which may overlap products and memory. Products are skipped where the
    machine has units for the pattern; with `any_units`, units of the same width for any pattern
    are taken as there, which no machine has."""
    units = machine.units
    done = sum(one.times * _done(one, pruning, work, units, any_units) for one in counts.costs)
    return roofline(2 * done, counts.bytes().total, machine.peak.get(work.dtype), machine.bandwidth)


def dense_bound(counts: Counts, work: Work, machine: Accelerator) -> Bound:
    """The same before pruning."""
    operations = 2 * counts.multiply_adds(dense=True)
    moved = counts.bytes(dense=True).total
    return roofline(operations, moved, machine.peak.get(work.dtype), machine.bandwidth)


def has_units(pruning: Pruning, machine: Accelerator) -> bool:
    """Whether the machine skips products at one of the patterns."""
    return any(fits(one, machine.units) for one in pruning.patterns)


def _done(
    cost: Cost, pruning: Pruning, work: Work, units: Pattern | None, any_units: bool
) -> float:
    """Multiply-adds that the machine carries out. One token alone takes no units: it leaves out
    the columns of what was dropped."""
    if not cost.pruned or any_units or not pruning.needs_units:
        return cost.multiply_adds
    left = 1.0
    if work.skips_columns:
        left = cost.masks.activation.density
    if units is not None:
        fitting = [one for one in cost.masks if fits(one, units)]
        left = min([left, *(units.density for _ in fitting)])
    return cost.multiply_adds_dense * left + cost.added
