"""N:M beside leaving blocks out at equal cost, as runs of nmviz measured both on one text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nmviz.base.errors import UserError
from nmviz.core.settings import BLOCKS
from nmviz.service.tradeoffs.axes import COSTS, QUALITIES, Asked
from nmviz.service.tradeoffs.frontier import points
from nmviz.service.tradeoffs.point import Point, is_tied

LOSS = "delta_nll"
"""The quality that is compared."""

EQUAL = 5.0
"""Points of dense (%) within which two costs are called equal."""
SHARES = ("multiply_adds", "bytes")
"""The costs that both have, as shares of dense."""
Ahead = Literal["N:M", "blocks left out", "tied", "not known"]


@dataclass(frozen=True)
class Compared:
    """The best run of a pattern, and the best with blocks left out whose cost is equal, None
    without one."""

    masked: Point
    blocks: Point | None

    @property
    def difference(self) -> float | None:
        """The former's cost of pruning minus the latter's, in nats a token."""
        return None if self.blocks is None else self.masked.value - self.blocks.value

    @property
    def ahead(self) -> Ahead:
        """Which of them loses less, where that can be told (`is_tied`)."""
        if self.blocks is None:
            return "not known"
        both = sorted((self.masked, self.blocks), key=lambda one: one.value)
        if is_tied(both[1], both[0], QUALITIES[LOSS]):
            return "tied"
        return "N:M" if both[0] is self.masked else "blocks left out"


def compared(model: str, cost: str = "multiply_adds") -> tuple[Compared, ...]:
    """Every pattern of weights and of activations that was run: first those that can be compared,
    each time the cheapest first.

    UserError for a cost that is no share of dense.
    """
    if cost not in SHARES:
        named = " or ".join(COSTS[one].menu for one in SHARES)
        raise UserError(f"Costs are compared as shares of dense: choose {named}.")
    found = points(Asked(quality=LOSS, cost=cost, models=(model,)))
    masked = [one for one in _best(found) if one.experiment.mask.is_grouped]
    dropped = [one for one in found if one.target == BLOCKS]
    beside = [_beside(one, dropped) for one in sorted(masked, key=lambda one: one.cost)]
    return tuple(sorted(beside, key=lambda one: one.blocks is None))


def _best(found: Sequence[Point]) -> list[Point]:
    """Of each target and pattern the run that loses least."""
    best: dict[tuple[str, str], Point] = {}
    for one in sorted(found, key=lambda one: one.value):
        if one.target in ("weight", "activation"):
            best.setdefault((one.target, one.pattern), one)
    return list(best.values())


def _beside(masked: Point, dropped: Sequence[Point]) -> Compared:
    equal = [one for one in dropped if abs(one.cost - masked.cost) <= EQUAL]
    if not equal:
        return Compared(masked, None)
    return Compared(masked, min(equal, key=lambda one: one.value))


def sentence(found: Sequence[Compared], cost: str) -> str:
    """Who is ahead, in how many comparisons."""
    known = [one for one in found if one.blocks is not None]
    if not known:
        return "No run leaves blocks out at the cost of a pattern: it is not known."
    counts = {ahead: sum(one.ahead == ahead for one in known) for ahead in ("N:M", "tied")}
    rest = len(known) - counts["N:M"] - counts["tied"]
    return (
        f"At equal {COSTS[cost].menu} (within {EQUAL:g} points of dense) N:M loses less than "
        f"leaving blocks out in {counts['N:M']} of {len(known)} comparisons, more in {rest}, and "
        f"{counts['tied']} are tied."
    )
