"""What a model costs in hardware: counted from its config, bounded, and what was measured near."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core import depth
from nmviz.core.plans.plan import Layer, Plan
from nmviz.core.settings import BLOCKS
from nmviz.hardware.accelerators import Accelerator
from nmviz.hardware.counts import Counts, count
from nmviz.hardware.decoder import Decoder
from nmviz.hardware.energy import Energy, energy
from nmviz.hardware.facts import shipped
from nmviz.hardware.families import decoder
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.roofline import Bound, bound, dense_bound, has_units
from nmviz.hardware.work import Work
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.method import Call, parse_call
from nmviz.methods.patterns import parse_pattern
from nmviz.published.speeds.nearest import Asked, Near, nearest
from nmviz.service.runs import store
from nmviz.sources import hub
from nmviz.store.speeds import Speeds, find

CONFIG = "config.json"
LARGEST = 2**22
"""Bytes of a config; those on the hub have a few thousand."""


@dataclass(frozen=True)
class Cost:
    """Everything that is known of a model at one piece of work on one machine.

    `hypothetical` is what units for the pattern would give that the machine does not have, None
    where it has them or nothing is pruned. `near` is the nearest measurement.
    """

    decoder: Decoder
    pruning: Pruning
    work: Work
    machine: Accelerator
    counts: Counts
    dense: Bound
    bound: Bound
    hypothetical: Bound | None
    energy: Energy | None
    asked: Asked | None
    near: Near | None


def cost(decoder: Decoder, pruning: Pruning, work: Work, machine: Accelerator) -> Cost:
    """Counted, bounded and looked up. UserError where a pattern does not fit the model."""
    counts = count(decoder, work, pruning)
    dense, found = dense_bound(counts, work, machine), bound(counts, pruning, work, machine)
    wanting = pruning.needs_units and not has_units(pruning, machine)
    asked = question(decoder, pruning, work, machine)
    return Cost(
        decoder=decoder,
        pruning=pruning,
        work=work,
        machine=machine,
        counts=counts,
        dense=dense,
        bound=found,
        hypothetical=bound(counts, pruning, work, machine, any_units=True) if wanting else None,
        energy=energy(counts.multiply_adds(), counts.bytes().total, work.dtype),
        asked=asked,
        near=None if asked is None else near(asked),
    )


def question(decoder: Decoder, pruning: Pruning, work: Work, machine: Accelerator) -> Asked | None:
    """What a measurement would have to be of; None where nothing or both operands are pruned, or
    layers have patterns of their own, which nobody measured."""
    if pruning.target not in ("activation", "weight") or pruning.by_layer is not None:
        return None
    return Asked(
        machine=machine.id,
        dtype=work.dtype,
        phase=work.phase,
        target=pruning.target,
        pattern=str(pruning.pattern),
        tokens=work.new,
        d_in=decoder.widths[0],
        d_out=decoder.widths[1],
    )


def planned(decoder: Decoder, plan: Plan, target: str, metadata: str) -> Pruning:
    """What a plan prunes of the model, whose layers it calls as transformers does: the number of
    the block and the projection are read from each name. UserError where it names another."""
    places = {_place(name): name for name in plan.layers}
    layers = [
        Layer(places.get((number, one.name), f"{number}.{one.name}"), number, one.name, one.size)
        for number, block in enumerate(decoder.blocks)
        for one in block.layers
        if one.prunable
    ]
    patterns = plan.among(layers)
    if len(patterns.sites) > 1:
        return Pruning.by_plan(target, patterns, metadata=metadata)
    [(pattern, sites)] = patterns.sites.items()
    return Pruning.of(target, parse_pattern(pattern), sites=sites, metadata=metadata)


def _place(name: str) -> tuple[int, str]:
    """`model.layers.3.mlp.down_proj` is `down` of block 3; -1 where no number stands in it."""
    parts = name.split(".")
    number = next((int(part) for part in parts if part.isdecimal()), -1)
    return number, parts[-1].removesuffix("_proj")


def speeds(**wanted: str) -> Speeds:
    """Measured ratios of the store, audited, with these values of machine, dtype, phase, target or
    pattern; none where the project's results are not installed."""
    return find(store(), **wanted)


def near(asked: Asked) -> Near | None:
    """The nearest measurement, None where there is none."""
    found = speeds(**asked.kind)
    return nearest(found.rows, asked, found.doubts)


def left_out(decoder: Decoder, drop: int | None, by: str | None) -> frozenset[int]:
    """The blocks that are left out. Where a run measures which, these are any of one shape.

    UserError where that is not so, as only a run tells then, and where there are fewer.
    """
    try:
        drop, by = depth.settled(BLOCKS, drop, by, ())
    except ValueError as error:
        raise UserError(str(error)) from None
    named = depth.named_blocks(by)
    if by in depth.CALIBRATED and len(set(decoder.blocks)) > 1:
        raise UserError(
            f"The blocks of {decoder.title} are of several shapes, and only a run finds the "
            "cheapest: choose last, or name them."
        )
    return frozenset(depth.last_blocks(drop or 0, len(decoder.blocks)) if named is None else named)


def calls_of(target: str, criterion: str, *mitigations: str) -> tuple[Call, ...]:
    """Criterion and mitigations as they are written. UserError for what there is not."""
    chosen = parse_call(criterion, BY_TARGET["weight" if target == "weight" else "activation"])
    return (chosen, *(parse_call(one, MITIGATIONS) for one in mitigations))


def decoder_of(model: str) -> Decoder:
    """The shape of a shipped model, a config.json, a folder with one, or a model on the hub.

    UserError where there is none, or where it lacks a number.
    """
    if model in shipped():
        return shipped()[model]
    path = _local(model)
    if path is not None:
        return decoder(_object(path), model, path.parent.name or path.name, str(path))
    if "/" not in model:
        raise UserError(
            f"There is no model {model[:60]!r}: choose one of {', '.join(shipped())}, or give a "
            "config.json or the name of a model on the hub."
        )
    found = hub.text_file(model, CONFIG)
    if found is None:
        raise UserError(f"{model} has no {CONFIG}: choose another model.")
    return decoder(_object(found), model, model.split("@")[0], f"{CONFIG} of {model}")


def _local(model: str) -> Path | None:
    """The config of a file or folder of that name; None where it can only be on the hub."""
    try:
        path = Path(model).expanduser()
        if path.is_dir() and not (path / CONFIG).is_file():
            raise UserError(f"The folder {model[:200]} has no {CONFIG}: put it there.")
        if path.exists():
            return path / CONFIG if path.is_dir() else path
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, no such home
        raise UserError(f"{model[:80]!r} is not a path: check it.") from None
    if model.startswith(("/", ".", "~")) or model.endswith(".json"):
        raise UserError(f"There is no file {model[:200]}: check the path.")
    return None


def _object(path: Path) -> Mapping[str, Any]:
    said = f"{path} is no config.json: give one that a model came with."
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(said)
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise UserError(said) from None
    if not isinstance(told, dict):
        raise UserError(said)
    return told
