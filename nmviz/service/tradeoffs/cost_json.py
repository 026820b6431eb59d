"""A cost as one object: every value with its unit, how it is known and where from. A contract."""

from typing import Any

from nmviz.hardware.counts import KINDS, PARTS, Bytes
from nmviz.hardware.energy import SOURCE as ENERGY_SOURCE
from nmviz.hardware.known import Known, counted
from nmviz.hardware.roofline import Bound
from nmviz.published.speeds.nearest import RULE, Near
from nmviz.service.tradeoffs.cost import Cost

MULTIPLY_ADDS = "multiply-adds"
UNITS_OF = "units for the pattern, as wide as those the machine has"


def cost_json(cost: Cost) -> dict[str, Any]:
    """The object that `nmviz cost --json` prints."""
    counts, source = cost.counts, cost.decoder.source
    return {
        "model": cost.decoder.id,
        "machine": cost.machine.id,
        "phase": cost.work.phase,
        "tokens": cost.work.tokens,
        "context": cost.work.context,
        "batch": cost.work.batch,
        "dtype": cost.work.dtype,
        "target": cost.pruning.target,
        "pattern": str(cost.pruning.pattern),
        "weight_pattern": str(cost.pruning.weight),
        "metadata": cost.pruning.metadata,
        "block_parameters": _counted(cost.decoder.block_parameters, "weights", source),
        "multiply_adds_dense": _multiply_adds(cost, dense=True),
        "multiply_adds": _multiply_adds(cost, dense=False),
        "bytes_dense": _bytes(counts.bytes(dense=True), source),
        "bytes": _bytes(counts.bytes(), source),
        "intensity_dense": _counted(counts.intensity(dense=True), "operations a byte", source),
        "intensity": _counted(counts.intensity(), "operations a byte", source),
        "bound": _limit(cost, cost.bound),
        "seconds_bound_dense": _seconds(cost, cost.dense),
        "seconds_bound": _seconds(cost, cost.bound),
        "seconds_hypothetical": _hypothetical(cost),
        "energy": _energy(cost),
        "measured": None if cost.near is None else _measured(cost.near),
        "answer": _answer(cost.near),
        "layers": _layers(cost),
    }


def _counted(value: float | int, unit: str, source: str) -> dict[str, Any]:
    return Known(value, unit, "counted", source).to_json()


def _multiply_adds(cost: Cost, *, dense: bool) -> dict[str, Any]:
    source = cost.decoder.source
    parts = {
        part: _counted(cost.counts.multiply_adds(part, dense=dense), MULTIPLY_ADDS, source)
        for part in PARTS
    }
    whole = cost.counts.multiply_adds(dense=dense)
    return {**_counted(whole, MULTIPLY_ADDS, source), "by_part": parts}


def _bytes(moved: Bytes, source: str) -> dict[str, Any]:
    return {kind: _counted(getattr(moved, kind), "bytes", source) for kind in KINDS}


def _limit(cost: Cost, found: Bound) -> dict[str, Any]:
    return Known(found.limit, "", "bounded", cost.machine.source).to_json()


def _seconds(cost: Cost, found: Bound) -> dict[str, Any]:
    return Known(found.seconds, "s", "bounded", cost.machine.source).to_json()


def _hypothetical(cost: Cost) -> dict[str, Any] | None:
    if cost.hypothetical is None:
        return None
    source = f"{UNITS_OF}; {cost.machine.source}"
    return Known(cost.hypothetical.seconds, "s", "hypothetical", source).to_json()


def _energy(cost: Cost) -> dict[str, Any] | None:
    if cost.energy is None:
        return None
    ends = zip(("least", "most"), cost.energy.total, strict=True)
    return {end: Known(joules, "J", "bounded", ENERGY_SOURCE).to_json() for end, joules in ends}


def _measured(near: Near) -> dict[str, Any]:
    one = near.measured

    def said(value: float | int | str, unit: str) -> dict[str, Any]:
        return Known(value, unit, "published", one.source).to_json()

    return {
        "ratio": said(one.ratio, "times the dense speed"),
        "source": f"{one.source} ({one.place})",
        "tokens": said(one.tokens, "tokens"),
        "shape": said(one.shape, ""),
        "d_in": said(one.d_in, "entries"),
        "d_out": said(one.d_out, "entries"),
        "how_far": near.how_far,
        "again": [said(other.ratio, "times the dense speed") for other in near.again],
    }


def _answer(near: Near | None) -> dict[str, Any]:
    answer = "unknown" if near is None else near.answer
    return Known(answer, "", "published", RULE).to_json()


def _layers(cost: Cost) -> list[dict[str, Any]]:
    """By layer: counted like the sums above, from the same config."""
    return [
        {
            "block": one.block,
            "layer": one.name,
            "multiply_adds_dense": counted(one.multiply_adds_dense, MULTIPLY_ADDS).to_json(),
            "multiply_adds": counted(one.multiply_adds, MULTIPLY_ADDS).to_json(),
            "bytes": {kind: counted(getattr(one.bytes, kind), "bytes").to_json() for kind in KINDS},
        }
        for one in cost.counts.costs
    ]
