"""How the ties of a result were broken, and what hangs on it."""

from collections.abc import Iterable
from dataclasses import dataclass

from nmviz.core.results import Result
from nmviz.core.rules import MANY_TIES
from nmviz.core.settings import Ties


@dataclass(frozen=True)
class TieBreaks:
    """Ties between weights: how they were broken, what share of the blocks they decide, the random
    draws that figures are means over (0 by index), and the standard deviation of the cost over
    them, in nats a token. None: not known."""

    rule: Ties
    share: float | None
    draws: int
    spread: float | None

    @property
    def many(self) -> bool:
        """Whether so many blocks tie that the rule weighs on the numbers."""
        return self.share is not None and self.share > MANY_TIES


def tie_breaks(result: Result) -> TieBreaks | None:
    """Those of a result on weights; None for others."""
    made = result.experiment
    if made.target != "weight":
        return None
    share, spread = result.get("tie_share"), result.get("delta_nll_spread")
    drawn = (spread.n or 1) if spread else 1  # tasks are run on the first draw alone
    return TieBreaks(
        rule=made.ties,
        share=share.value if share else None,
        draws=drawn if made.ties == "random" else 0,
        spread=spread.value if spread else None,
    )


def answering(found: Iterable[Result | None]) -> Result | None:
    """Of the results of an experiment's `answers`, in their order and None for one that there is
    not, the one that answers it: whose ties are broken as its own share of them asks, at random
    where many decide and else by index, since a run may have been told otherwise; else the first.
    No more are read than it takes."""
    first = None
    for result in found:
        if result is not None and _as_the_share_asks(result):
            return result
        first = result if first is None else first
    return first


def _as_the_share_asks(result: Result) -> bool:
    ties = tie_breaks(result)
    return ties is None or ties.share is None or (ties.rule == "random") == ties.many
