"""A cost as one object: every value with its unit, how it is known and where from. A contract."""

from typing import Any

from nmviz.hardware.counts import KINDS, PARTS, Counts, PartName
from nmviz.hardware.counts import Cost as Layered
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
        "left_out": sorted(cost.pruning.left_out),
        "metadata": cost.pruning.metadata,
        "block_parameters": _counted(cost.decoder.block_parameters, "weights", source),
        "multiply_adds_dense": _multiply_adds(cost, dense=True),
        "multiply_adds": _multiply_adds(cost, dense=False),
        "bytes_dense": _bytes(counts, source, dense=True),
        "bytes": _bytes(counts, source, dense=False),
        "intensity_dense": _intensity(cost, dense=True),
        "intensity": _intensity(cost, dense=False),
        "bound": _limit(cost, cost.bound),
        "seconds_bound_dense": _seconds(cost, cost.dense),
        "seconds_bound": _seconds(cost, cost.bound),
        "seconds_hypothetical": _hypothetical(cost),
        "energy": _energy(cost),
        "measured": None if cost.near is None else _measured(cost.near),
        "answer": _answer(cost.near),
        "layers": _layers(cost),
    }


def _counted(value: float | int, unit: str, source: str, open: str = "") -> dict[str, Any]:
    return counted(value, unit, source, open).to_json()


def _multiply_adds(cost: Cost, *, dense: bool) -> dict[str, Any]:
    def said(part: PartName | None) -> dict[str, Any]:
        value = cost.counts.multiply_adds(part, dense=dense)
        open = "" if dense else cost.counts.open_products(part)
        return _counted(value, MULTIPLY_ADDS, cost.decoder.source, open)

    return {**said(None), "by_part": {part: said(part) for part in PARTS}}


def _bytes(counts: Counts, source: str, *, dense: bool) -> dict[str, Any]:
    moved = counts.bytes(dense=dense)
    return {
        kind: _counted(getattr(moved, kind), "bytes", source, counts.open_bytes(kind, dense=dense))
        for kind in KINDS
    }


def _intensity(cost: Cost, *, dense: bool) -> dict[str, Any]:
    open = cost.counts.open_bytes(dense=dense) or ("" if dense else cost.counts.open_products())
    value = cost.counts.intensity(dense=dense)
    return _counted(value, "operations a byte", cost.decoder.source, open)


def _limit(cost: Cost, found: Bound) -> dict[str, Any]:
    return Known(found.limit, "", "bounded", cost.machine.origin).to_json()


def _seconds(cost: Cost, found: Bound) -> dict[str, Any]:
    open = cost.counts.open_bytes()
    source = f"{cost.machine.origin}; bytes {open}" if open else cost.machine.origin
    return Known(found.seconds, "s", "bounded", source).to_json()


def _hypothetical(cost: Cost) -> dict[str, Any] | None:
    if cost.hypothetical is None:
        return None
    source = f"{UNITS_OF}; {cost.machine.origin}"
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


def _by_block(counts: Counts) -> list[tuple[int | None, Layered]]:
    """Every layer with its block, block by block; the head last, of none."""
    every: list[tuple[int | None, Layered]] = [
        (number, one) for one in counts.costs for number in one.blocks or (None,)
    ]
    return sorted(every, key=lambda each: (each[0] is None, each[0] or 0))


def _layers(cost: Cost) -> list[dict[str, Any]]:
    """By layer: counted like the sums above, from the same config."""
    return [
        {
            "block": number,
            "layer": one.name,
            "multiply_adds_dense": counted(one.multiply_adds_dense, MULTIPLY_ADDS).to_json(),
            "multiply_adds": counted(
                one.multiply_adds, MULTIPLY_ADDS, open=one.open_products()
            ).to_json(),
            "bytes": {
                kind: counted(
                    getattr(one.bytes, kind), "bytes", open=one.open_bytes(kind)
                ).to_json()
                for kind in KINDS
            },
        }
        for number, one in _by_block(cost.counts)
    ]
