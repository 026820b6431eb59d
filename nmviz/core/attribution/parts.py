"""Attribution: what each part of a model costs pruned alone, and what that says of all at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import commonpath
from typing import Any, Literal, get_args

from nmviz.base.validation import one_of
from nmviz.core.attribution.control import BEYOND, NOISE
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import floor_of
from nmviz.core.results import Measurement, Result

By = Literal["block", "projection", "site"]
WAYS: tuple[By, ...] = get_args(By)
LEAST_COST = 2.0
"""Standard errors that the cost of all at once must lie from 0, for a share of it to mean much."""


def check_way(by: str) -> By:
    """UserError for a way to cut a model that there is not."""
    return one_of(by, WAYS, "A model is taken apart by")


def parts_of(
    experiment: Experiment, by: By, projections: Sequence[str], blocks: int
) -> Iterator[Experiment]:
    """The experiment on each part of its scope alone, the rest dense, in the model's order:
    `projections` and the number of `blocks` are the model's."""
    scope = experiment.sites
    held = {n: tuple(p for p in projections if scope.hold(p, n)) for n in range(blocks)}
    if by == "projection":
        for name in projections:
            where = [str(number) for number, names in held.items() if name in names]
            if where:
                yield experiment.but(projections=(name,), blocks=",".join(where))
        return
    for number, names in held.items():
        alone = [names] if by == "block" else [(name,) for name in names]
        for some in alone if names else ():
            yield experiment.but(projections=some, blocks=str(number))


@dataclass(frozen=True)
class Part:
    """One part pruned alone. `site` names it: its layer, what all its layers' names begin with, or
    its projection; `block` and `projection` are None where it has several."""

    result: Result

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of its layers in the model."""
        return tuple(site.name for site in self.result.sites)

    @property
    def block(self) -> int | None:
        return _only({site.block for site in self.result.sites})

    @property
    def projection(self) -> str | None:
        return _only({site.projection for site in self.result.sites})

    @property
    def site(self) -> str:
        if len(self.sites) == 1:
            return self.sites[0]
        if self.block is None and self.projection is not None:
            return self.projection
        return commonpath([name.replace(".", "/") for name in self.sites]).replace("/", ".")

    def get(self, metric: str) -> Measurement | None:
        """What was measured of it."""
        return self.result.get(metric)

    def to_json(self) -> dict[str, Any]:
        """Its row, as `nmviz attribute --json` prints it."""
        row: dict[str, Any] = {"site": self.site, "block": self.block}
        row |= {"projection": self.projection, "sites": list(self.sites)}
        for metric, error in (
            ("delta_nll", "stderr"),
            (NOISE, "noise_stderr"),
            (BEYOND, "beyond_noise_stderr"),
            ("kl", "kl_stderr"),
        ):
            found = self.get(metric)
            row |= {metric: found and found.value, error: found and found.stderr}
        cost = self.get("delta_nll")
        row |= {"n": cost and cost.n, "unit_of_n": cost and cost.unit_of_n}
        row |= {"noise_floor": told_floor(self.result)}
        return row | {"key": self.result.key}


@dataclass(frozen=True)
class Attribution:
    """Every part of an experiment pruned alone, and all of them at once."""

    by: By
    whole: Result
    parts: tuple[Part, ...]

    @property
    def costs(self) -> dict[str, float]:
        """Nats a token by part."""
        found = {part.site: part.get("delta_nll") for part in self.parts}
        return {site: cost.value for site, cost in found.items() if cost is not None}

    @property
    def additivity(self) -> Measurement | None:
        """The sum of the parts' costs over the cost of all at once: 1 where errors add up, below 1
        where they make one another worse. None where all at once costs nothing that can be told.

        Its standard error is that of a ratio of means over the same units of text: the spread of
        (sum - ratio * whole) by unit, over |whole| and the root of their number.
        """
        cost = self.whole.get("delta_nll")
        if cost is None or abs(cost.value) <= LEAST_COST * (cost.stderr or 0.0):
            return None
        ratio = sum(self.costs.values()) / cost.value
        stderr = _error_of_ratio(self.parts, self.whole, ratio, cost.value)
        return Measurement(
            metric="additivity", value=ratio, stderr=stderr, n=cost.n, unit_of_n=cost.unit_of_n
        )

    def to_json(self) -> dict[str, Any]:
        """What `nmviz attribute --json` prints."""
        cost, ratio = self.whole.get("delta_nll"), self.additivity
        return {
            "experiment": self.whole.experiment.to_json(),
            "key": self.whole.key,
            "by": self.by,
            "delta_nll": cost and cost.value,
            "stderr": cost and cost.stderr,
            "noise_floor": told_floor(self.whole),
            "additivity": ratio and ratio.value,
            "additivity_stderr": ratio and ratio.stderr,
            "rows": [part.to_json() for part in self.parts],
        }


def told_floor(result: Result) -> dict[str, Any] | None:
    """What rounding alone does to it, as JSON has it; None where that was not measured."""
    floor = floor_of(result)
    return None if floor is None else floor.model_dump()


def _error_of_ratio(
    parts: Sequence[Part], whole: Result, ratio: float, cost: float
) -> float | None:
    units = [part.result.unit_costs for part in parts]
    count = len(whole.unit_costs)
    if count < 2 or any(len(own) != count for own in units):
        return None
    off = [sum(own) - ratio * all_ for *own, all_ in zip(*units, whole.unit_costs, strict=True)]
    mean = sum(off) / count
    spread = sum((one - mean) ** 2 for one in off) / (count - 1)
    return float((spread / count) ** 0.5 / abs(cost))


def _only(values: set[Any]) -> Any:
    return next(iter(values)) if len(values) == 1 else None
