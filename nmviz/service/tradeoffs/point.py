"""One experiment of the trade-offs as a point: its quality, its cost, and what it is tied with."""

from dataclasses import dataclass, field
from functools import cached_property
from math import hypot
from typing import Any
from urllib.parse import quote

from nmviz.core.experiment import Experiment
from nmviz.core.pairing import judge
from nmviz.core.results import Result
from nmviz.core.settings import BLOCKS
from nmviz.methods.method import UNKNOWN
from nmviz.published.listing.row import OWN_SOURCE
from nmviz.service.tradeoffs.axes import COSTS, QUALITIES, Asked, Quality
from nmviz.views.shared.floors import noise_of

BY_DEFINITION = "by definition"
"""The source of a point of the dense model that nobody need measure."""
FLOOR = "noise floor"
"""The source of a point that is a run of the store."""


@dataclass(frozen=True)
class Point:
    """One experiment. `value` is its quality as the source has it, `error` one standard error or
    None, `no_error` why there is none where that is not plain; `cost` lies from `low` to `high`;
    `tied` names a point of the frontier from which it cannot be told; `run` is what was measured
    here, None of what a source printed; `pin` the name to pin it under, where it is stored."""

    model: str
    title: str
    experiment: Experiment
    method: str
    value: float
    error: float | None
    cost: float
    source: str
    place: str
    marked: str = ""
    low: float | None = None
    high: float | None = None
    on_frontier: bool = False
    tied: str = ""
    no_error: str = ""
    run: Result | None = field(default=None, compare=False, repr=False)
    pin: str = field(default="", compare=False)

    def floor(self, quality: Quality) -> float | None:
        """What rounding alone does to its quality, in nats a token, where that is known."""
        return noise_of([self.run] if self.run else [], quality.metric)

    @property
    def target(self) -> str:
        """`dense` for the model as it is."""
        return "dense" if self.experiment.is_dense else self.experiment.target

    @property
    def pattern(self) -> str:
        return self.experiment.pattern

    @property
    def name(self) -> str:
        """`Llama 2 7B, activations 8:16, ACT`."""
        if self.target in ("dense", BLOCKS):
            return f"{self.title}, {self.method}"
        return f"{self.title}, {self.target}s {self.pattern}, {self._said_method}"

    @property
    def short(self) -> str:
        """The same without the model."""
        masked = self.target in ("activation", "weight")
        said = f"{self.target}s {self.pattern} ({self._said_method})"
        return said if masked else self.method

    @property
    def _said_method(self) -> str:
        """Behind `weights` it need not say so again."""
        return self.method.removeprefix("weights: ")

    @cached_property
    def query(self) -> str | None:
        """The address of it in Explore: of a published one what Explore has of it, None where
        blocks are left out, which it does not show."""
        if self.target == BLOCKS:
            return None
        if self.source == OWN_SOURCE:
            return self.experiment.to_query()
        told = {"model": self.model}
        if self.target != "dense":
            told |= {"pattern": self.pattern, **_method_of(self.experiment)}
        return "&".join(f"{name}={quote(value, safe=':,()=')}" for name, value in told.items())

    def to_json(self, asked: Asked) -> dict[str, Any]:
        """A row of the table behind the figure."""
        quality, cost = QUALITIES[asked.quality], COSTS[asked.cost]
        return {
            "model": self.title,
            "target": self.target,
            "pattern": self.pattern,
            "method": self.method,
            quality.title: self.value,
            "standard error": self.error,
            "why no standard error": self.no_error,
            FLOOR: self.floor(quality),
            "quality is": quality.origin,
            cost.title: self.cost,
            "cost from": self.cost if self.low is None else self.low,
            "cost to": self.cost if self.high is None else self.high,
            "cost is": cost.known,
            "frontier": "yes" if self.on_frontier else f"tied with {self.tied}" * bool(self.tied),
            "source": self.source,
            "place": self.place,
            "marked": self.marked,
            "key": self.experiment.key,
        }


def is_tied(one: Point, rival: Point, quality: Quality) -> bool:
    """Whether `one` cannot be told to be worse than a rival that is no worse.

    Runs are judged as everywhere, by rounding and by the 95% interval of their difference
    (`pairing.judge`), one beside the dense model too; printed numbers by both standard errors
    together. Without errors only equals are tied.
    """
    gap = (rival.value - one.value) if quality.higher else (one.value - rival.value)
    if one.run is not None and (rival.run is not None or rival.source == BY_DEFINITION):
        verdict = judge(one.run, rival.run, quality.metric, quality.higher)
        if verdict != "no interval":
            return verdict != "real"
        return gap <= 0
    return gap <= hypot(one.error or 0.0, rival.error or 0.0)


def _method_of(made: Experiment) -> dict[str, str]:
    """What an address says of a method: nothing of the usual one, nor of one with a setting that
    nobody printed, which Explore could not read."""
    if any(UNKNOWN in said for said in (made.criterion, *made.mitigations)):
        return {}
    criterion = "weight_criterion" if made.target == "weight" else "criterion"
    told = {criterion: made.criterion, "mitigations": ",".join(made.mitigations)}
    return {name: said for name, said in told.items() if said not in ("", "magnitude")}
