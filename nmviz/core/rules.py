"""Rules of what a weight loses that changed once there were results: how ties are broken, and what
P% drops. A result of before says nothing of them in its key, which stays as it is."""

from collections.abc import Mapping
from typing import Any, Literal

from nmviz.base.validation import WrongValue
from nmviz.core.settings import Target
from nmviz.methods.method import Call
from nmviz.methods.patterns import Pattern

Dropping = Literal["exact", "every tie"]
"""What P% drops of a whole weight: exactly that share, or, in results of before 2026-12, everything
that ties at the cut too. A rule and no setting: what is asked now is asked under `exact`."""

BEFORE: Mapping[str, str] = {"ties": "index", "dropping": "every tie"}
"""How weights were pruned where a stored experiment does not say it: by the one rule there was."""

MANY_TIES = 0.01
"""Above this share of blocks (for P% of entries) that tie `auto` breaks ties at random."""
DRAWS = 5
"""Random tie-breaks that a figure is the mean over."""


def as_stored(fields: Any) -> Any:
    """The fields of a stored experiment, with the rules that it was made under."""
    if isinstance(fields, Mapping) and fields.get("target") == "weight":
        return {**BEFORE, **fields}
    return fields


def in_words(ties: str, dropping: str) -> list[str]:
    """The rules of a result that are not the usual ones, as one says them behind its method."""
    said = ["ties at random"] if ties == "random" else []
    return said + (["every tie at the cut dropped"] if dropping == "every tie" else [])


def told(ties: str, dropping: str, whole: bool) -> set[str]:
    """The rules that belong into a key: those that came later than keys did."""
    exactly = {"dropping"} if whole and dropping == "exact" else set()
    return exactly | ({"ties"} if ties == "random" else set())


def ranks(criterion: Call) -> bool:
    """Whether a criterion leaves it to the mask which weights stay."""
    return criterion.method.facts.gives == "scores"


def cuts_whole(pattern: Pattern, target: Target, criterion: Call) -> bool:
    """Whether P% is dropped of a weight, or of many columns of it, at once: where everything that
    tied at the cut once went. Within a row exactly that share always did."""
    by_row = criterion.settings.get("over") == "row"
    return pattern.percent is not None and target == "weight" and not by_row


def check_ties(ties: str, target: Target, criterion: Call) -> None:
    """ValueError, one sentence, for a rule of ties where there is none to choose."""
    if ties != "auto" and target == "activation":
        said = "Ties between activations go to the lower index: leave ties out, or prune weights."
        raise WrongValue("ties", said)
    if ties == "random" and not ranks(criterion):
        said = "breaks ties as it goes, to the lower index: leave ties out."
        raise WrongValue("ties", f"{criterion.method.name} {said}")
