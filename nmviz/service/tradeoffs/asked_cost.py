"""What a model costs, asked for in words: the settings of `nmviz cost`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.plans.plan import is_plan, read_plan
from nmviz.core.settings import BLOCKS
from nmviz.hardware.accelerators import Accelerator, accelerator
from nmviz.hardware.decoder import Decoder
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.work import Work
from nmviz.methods.method import split_calls
from nmviz.methods.patterns import DENSE, parse_pattern
from nmviz.methods.scopes import ALL
from nmviz.methods.site_lists import Sites
from nmviz.service.tradeoffs.cost import Cost, calls_of, cost, decoder_of, left_out, planned

TARGETS = ("activation", "weight", "both", "blocks")
USUAL: Mapping[str, Any] = {
    "pattern": "dense",
    "target": "activation",
    "weight_pattern": None,
    "drop": None,
    "by": None,
    "sites": ALL,
    "criterion": "magnitude",
    "mitigations": (),
    "machine": "h100",
    "phase": "prefill",
    "tokens": 2048,
    "context": 2048,
    "batch": 1,
    "dtype": "bf16",
    "metadata": "index",
}
"""What is asked for where nothing is said."""


def priced(
    model: str,
    *,
    pattern: str,
    target: str,
    weight_pattern: str | None,
    drop: int | None,
    by: str | None,
    sites: str,
    methods: Sequence[str],
    work: Work,
    machine: Accelerator,
    metadata: str,
) -> Cost:
    """The cost of a model under a pattern, or the file of a plan, with a criterion and mitigations.
    UserError, one sentence, for what there is not or does not go together."""
    calls = calls_of(target, *methods)
    decoder = decoder_of(model)
    if target == BLOCKS or drop is not None or by is not None:
        return cost(decoder, _without_blocks(decoder, target, drop, by), work, machine)
    if is_plan(pattern):
        masked = _planned(decoder, pattern, target, sites, metadata)
    else:
        masked = _pruning(pattern, target, weight_pattern, sites, metadata)
    return cost(decoder, replace(masked, methods=calls), work, machine)


def _without_blocks(decoder: Decoder, target: str, drop: int | None, by: str | None) -> Pruning:
    if target != BLOCKS:
        raise UserError("--drop and --by are for --target blocks: leave them out, or choose it.")
    return Pruning(left_out=left_out(decoder, drop, by))


def _planned(decoder: Decoder, file: str, target: str, sites: str, metadata: str) -> Pruning:
    if sites != ALL:
        raise UserError("A plan says which layers are pruned: leave --sites out.")
    if target not in ("activation", "weight"):
        raise UserError("A plan is of activations or of weights: choose one of them.")
    return planned(decoder, read_plan(Path(file)), target, metadata)


def _pruning(
    pattern: str, target: str, weight_pattern: str | None, sites: str, metadata: str
) -> Pruning:
    if target not in TARGETS:
        raise UserError(f"There is no target {target[:40]!r}: choose {', '.join(TARGETS)}.")
    if target == "both" and weight_pattern is None:
        raise UserError("Where both are pruned, give the weights' own: --weight-pattern 2:4.")
    if target != "both" and weight_pattern is not None:
        raise UserError("--weight-pattern is for --target both: leave it out, or prune both.")
    one = parse_pattern(pattern)
    weights = parse_pattern(weight_pattern) if weight_pattern is not None else one
    return Pruning(
        activation=DENSE if target == "weight" else one,
        weight=DENSE if target == "activation" else weights,
        sites=Sites.read(sites),
        metadata=metadata,
    )


def in_words(model: str, **settings: Any) -> Cost:
    """The cost by settings named as in `USUAL`. UserError for another name, and as `priced`."""
    if unknown := [name for name in settings if name not in USUAL]:
        raise UserError(f"A cost has no setting {unknown[0][:40]!r}: {', '.join(USUAL)}.")
    told = {**USUAL, **settings}
    work = {name: told.pop(name) for name in ("phase", "tokens", "context", "batch", "dtype")}
    mitigations = told.pop("mitigations")
    steps = split_calls(mitigations) if isinstance(mitigations, str) else mitigations
    methods = (told.pop("criterion"), *steps)
    machine = accelerator(told.pop("machine"))
    return priced(model, methods=methods, work=Work(**work), machine=machine, **told)
