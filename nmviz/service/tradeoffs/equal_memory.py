"""Pruned weights beside what else takes less memory: the weights in 4 bits, a smaller dense model.

All of it published; of each the accuracy lost against the dense model of its own source.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from nmviz.hardware.facts import shipped
from nmviz.hardware.memory import held, share_held
from nmviz.hardware.pruning import Pruning
from nmviz.published.baselines import Baseline
from nmviz.service.published import baselines
from nmviz.service.tradeoffs.axes import Asked
from nmviz.service.tradeoffs.frontier import points
from nmviz.service.tradeoffs.point import Point
from nmviz.sources.models import MODELS


@dataclass(frozen=True)
class InMemory:
    """What a model was made into: its weights' memory in % of dense at 16 bits, the accuracy lost
    in %, one standard error of that or None, and from where."""

    model: str
    title: str
    memory: float
    drop: float
    error: float | None
    source: str


@cache
def in_memory() -> tuple[InMemory, ...]:
    """Model by model, what loses least first: of each pattern of pruned weights the best row, of
    those with an error where there are any, and every baseline. Published numbers are read once a
    process, and so is this."""
    known = tuple(dict.fromkeys(one.model for one in baselines()))
    if not known:
        return ()
    found = points(Asked(quality="drop", cost="metadata", models=known))
    every = [*_pruned(found), *(_baseline(one) for one in baselines())]
    return tuple(sorted(every, key=lambda one: (known.index(one.model), one.drop)))


def _pruned(found: tuple[Point, ...]) -> Iterator[InMemory]:
    best: dict[tuple[str, str], Point] = {}
    for one in sorted(found, key=lambda one: (one.error is None, one.value)):
        if one.target == "weight" and one.experiment.mask.is_grouped:
            best.setdefault((one.model, one.pattern), one)
    for one in best.values():
        decoder = shipped()[one.model]
        pruning = Pruning.of("weight", one.experiment.mask, sites=one.experiment.sites)
        yield InMemory(
            one.model,
            f"weights {one.pattern} ({one.method})",
            share_held(decoder, pruning, of=decoder),
            one.value,
            one.error,
            f"{one.source}, {one.place}" + "; marked by the audit" * bool(one.marked),
        )


def _baseline(one: Baseline) -> InMemory:
    title = one.title if one.kind == "4-bit weights" else f"{one.title}, dense"
    return InMemory(
        one.model,
        title,
        one.memory,
        one.drop,
        one.error,
        f"{one.citation}, {one.place}: {one.protocol}",
    )


def as_shipped(model: str) -> float | None:
    """Memory of a pinned model's own 4-bit file, in % of what its weights take at 16 bits, with
    the tokenizer that lies in it; None for a model that is not pinned."""
    if model not in MODELS:
        return None
    return 100 * MODELS.get(model).gguf.bytes / held(shipped()[model])
