"""Leaving blocks out: which ones, as it is written, and what a result says of it.

The baseline of static depth pruning. `cost` is the greedy rule of Kim et al. (Shortened LLaMA,
arXiv 2402.02834) without the blocks that they never drop: the blocks whose removal alone costs
least. `attribution` chooses one after the other, as plans do: each time the block whose removal, on
top of those before, moves the predictions least. `last` is the heuristic of Gromov et al. (arXiv
2403.17887): the deepest blocks, the very last one spared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from nmviz.base.errors import UserError
from nmviz.base.validation import WrongValue
from nmviz.core.settings import BLOCKS, Target
from nmviz.methods.scopes import read_blocks, write_blocks

BY_COST, BY_ATTRIBUTION, LAST = "cost", "attribution", "last"
CALIBRATED = (BY_COST, BY_ATTRIBUTION)
"""Ways that measure on calibration text which blocks go."""
RULES = (*CALIBRATED, LAST)
FIELDS = ("drop", "by")
LEFT_OUT = "blocks left out"
"""What a result's settings call the numbers of the blocks."""
EACH_ALONE = "cost of leaving each block out alone, nats a token"
IN_TURN = "KL from dense as one block more is left out in turn, nats a token"
SAID = (LEFT_OUT, EACH_ALONE, IN_TURN)
UNMASKED: Mapping[str, Any] = {
    "pattern": "dense",
    "criterion": "magnitude",
    "mitigations": (),
    "ties": "auto",
    "projections": None,
    "blocks": None,
}
"""Settings of an experiment that masks nothing: they are no part of its identity."""


def target_of(given: Mapping[str, Any]) -> Target:
    """The target of an experiment that masks nothing: that of the dense model, or blocks."""
    return BLOCKS if given.get("target") == BLOCKS else "activation"


def settled(
    target: Target, drop: int | None, by: str | None, tasks: Sequence[str]
) -> tuple[int | None, str | None]:
    """How many blocks and which, in one spelling; None and None where none are left out.

    ValueError, one sentence, where they do not go together.
    """
    if target != BLOCKS:
        if drop is None and by is None:
            return None, None
        said = "Blocks are left out with the target blocks: choose it, or leave this out."
        raise WrongValue("by" if drop is None else "drop", said)
    if tasks:
        said = "What leaving blocks out costs is measured on a text: leave the tasks out."
        raise WrongValue("tasks", said)
    chosen = (by or BY_COST).strip()
    named = None if chosen in RULES else _named(chosen)
    if named is None and drop is None:
        raise WrongValue("drop", "Say how many blocks are left out: give a number, or name them.")
    if named is not None and drop not in (None, len(named)):
        said = f"{len(named)} blocks are named, and {drop} are asked for: leave the number out."
        raise WrongValue("drop", said)
    return (drop, chosen) if named is None else (len(named), write_blocks(named))


def _named(text: str) -> list[int]:
    try:
        return read_blocks(text)
    except UserError:
        said = f"{text[:40]!r} says not which blocks: write {', '.join(RULES)}, or a list: 3,7-9."
        raise WrongValue("by", said) from None


def named_blocks(by: str | None) -> list[int] | None:
    """The blocks that are named; None where they follow from the model."""
    return None if by is None or by in RULES else read_blocks(by)


def last_blocks(drop: int, count: int) -> list[int]:
    """The deepest of `count` blocks before the very last one. UserError where there are fewer."""
    check(drop, count)
    return list(range(count - 1 - drop, count - 1))


def cheapest(costs: Sequence[float], drop: int) -> list[int]:
    """The blocks whose removal alone costs least, in their order; of equals the first."""
    check(drop, len(costs))
    ranked = sorted(range(len(costs)), key=lambda number: (costs[number], number))
    return sorted(ranked[:drop])


def check(drop: int, count: int) -> None:
    """UserError where a model of `count` blocks would have none left, or only the last."""
    if drop >= count:
        raise UserError(f"The model has {count} blocks: leave out {count - 1} at most.")


def in_words(drop: int | None, by: str | None) -> str:
    """`3 blocks left out, by cost`."""
    count = f"{drop} block{'s' * (drop != 1)} left out"
    return f"{count}, {'the last' if by == LAST else f'by {by}' if by in CALIBRATED else by}"


def left_out(settings: Mapping[str, str]) -> list[int]:
    """The blocks that a run with these settings left out; empty where it did not."""
    said = settings.get(LEFT_OUT)
    return read_blocks(said) if said else []
