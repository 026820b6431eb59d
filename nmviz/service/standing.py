"""What answers depend on beside the question."""

from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias, cast

from nmviz.base.cache import cache_dir
from nmviz.service.runs import store
from nmviz.sources.models import offered_since
from nmviz.store.standing import Read, Standing, noting

__all__ = ["Changing", "Stand", "noting", "standing", "still_holds"]

Changing = Literal["store", "calibrated"]
Stand: TypeAlias = tuple[tuple[Changing | Literal["models"], Hashable], ...]
"""How each thing that an answer depends on stood: the models on offer always."""


def standing(on: Sequence[Changing]) -> Stand:
    """What changes when a result is stored, or a method calibrated, by this process or another,
    when a model is added to this one, and when looks are kept of any.

    Microseconds: an answer that was worked out at the same standing is still the right one.
    """
    named = ((of, store().standing() if of == "store" else _calibrated()) for of in on)
    return (("models", (offered_since(), store().standing().looks)), *named)


def still_holds(read: Sequence[Read], since: Stand, now: Stand) -> bool:
    """Whether an answer from then, which read that from the store, is right now.

    What was stored since matters only where the answer asked for it.
    """
    return all(
        one == other or (of == "store" and store().still_holds(read, cast(Standing, one)))
        for (of, one), (_, other) in zip(since, now, strict=True)
    )


def _calibrated() -> Hashable:
    try:
        return (cache_dir() / "calibrated").stat().st_mtime_ns
    except OSError:
        return 0
