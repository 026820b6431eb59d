"""`nmviz cost`: what a model costs in hardware, counted, bounded, and measured near."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from nmviz.cli.options import Json
from nmviz.core.settings import BLOCKS
from nmviz.hardware.accelerators import accelerator, read_machines
from nmviz.hardware.counts import KINDS, PARTS, Counts
from nmviz.hardware.known import Knowledge, word
from nmviz.hardware.work import Work
from nmviz.methods.method import split_calls
from nmviz.methods.scopes import write_blocks
from nmviz.published.speeds.nearest import sentence
from nmviz.service.tradeoffs.asked_cost import priced
from nmviz.service.tradeoffs.cost import Cost
from nmviz.service.tradeoffs.cost_json import cost_json

PART_WORDS = {"blocks": "linear layers of the blocks", "attention": "attention", "lm_head": "head"}
KIND_WORDS = {
    "weights": "weights",
    "activations": "activations",
    "metadata": "metadata",
    "kv_cache": "keys and values",
}


def cost(
    model: Annotated[
        str, typer.Argument(help="llama2-7b and others, a config.json, or a name on the hub.")
    ],
    pattern: Annotated[str, typer.Option(help="dense, N:M, P%, or a plan: p.yaml.")] = "dense",
    target: Annotated[str, typer.Option(help="activation, weight, both or blocks.")] = "activation",
    weight_pattern: Annotated[
        str | None, typer.Option(help="Of the weights, where both are pruned.")
    ] = None,
    drop: Annotated[
        int | None, typer.Option(help="With --target blocks: so many are left out.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Which: cost, last, or a list like 3,7-9.")] = None,
    sites: Annotated[str, typer.Option(help="Which layers: all, down, 'q,gate:0-18' ...")] = "all",
    criterion: Annotated[str, typer.Option(help="How entries are ranked.")] = "magnitude",
    mitigate: Annotated[str, typer.Option(help="Mitigations, with commas between.")] = "",
    machine: Annotated[str, typer.Option(help="a100, h100 and others.")] = "h100",
    machines: Annotated[Path | None, typer.Option(help="A file with machines of your own.")] = None,
    phase: Annotated[str, typer.Option(help="prefill or decode.")] = "prefill",
    tokens: Annotated[int, typer.Option(help="Of each prompt, in prefill.")] = 2048,
    context: Annotated[int, typer.Option(help="Tokens of each text, in decoding.")] = 2048,
    batch: Annotated[int, typer.Option(help="Texts at once.")] = 1,
    dtype: Annotated[str, typer.Option(help="fp32, bf16, fp16, fp8, int8 or fp4.")] = "bf16",
    metadata: Annotated[str, typer.Option(help="index, bitmap or code.")] = "index",
    as_json: Json = False,
) -> None:
    """Say what a model costs in hardware: counted, bounded, and what was measured near."""
    found = priced(
        model,
        pattern=pattern,
        target=target,
        weight_pattern=weight_pattern,
        drop=drop,
        by=by,
        sites=sites,
        methods=(criterion, *split_calls(mitigate)),
        work=Work(phase, tokens, context, batch, dtype),  # type: ignore[arg-type]
        machine=accelerator(machine, None if machines is None else read_machines(machines)),
        metadata=metadata,
    )
    print(json.dumps(cost_json(found), allow_nan=False) if as_json else "\n".join(_lines(found)))


def _lines(cost: Cost) -> Iterator[str]:
    """To read: what was asked, then each number with the word for how it is known."""
    work, counts = cost.work, cost.counts
    texts = f", {work.batch} texts at once" if work.batch > 1 else ""
    asked = (
        f"prefill of {work.tokens:,} tokens"
        if work.phase == "prefill"
        else f"decoding one token at a context of {work.context:,}"
    )
    yield f"{cost.decoder.title}: {asked}{texts}, {work.dtype}, {_pruned(cost)}"
    yield f"  on {cost.machine.title}; shape from {cost.decoder.source}"
    yield _line("weights of the blocks' layers", f"{cost.decoder.block_parameters:,}", "counted")
    for part in PARTS:
        dense, left = counts.multiply_adds(part, dense=True), counts.multiply_adds(part)
        known = word(counts.open_products(part))
        yield _line(f"multiply-adds, {PART_WORDS[part]}", _of(dense, left), known)
    whole = _of(counts.multiply_adds(dense=True), counts.multiply_adds())
    yield _line("multiply-adds, all", whole, word(counts.open_products()))
    yield from _bytes(counts)
    intensity = (
        f"{counts.intensity():.4g} operations a byte ({counts.intensity(dense=True):.4g} dense)"
    )
    open = counts.open_bytes() or counts.open_products()
    yield _line("arithmetic intensity", intensity, word(open))
    if open:
        yield f"    bounded are {open}"
    yield from _bounds(cost)
    said = "" if cost.asked is None else sentence(cost.near, cost.asked)
    yield _line("will it be faster", said or "Nobody measured this: it is not known.", "published")
    if cost.near is not None:
        yield f"    {cost.near.measured.source}; {cost.near.measured.place}"


def _pruned(cost: Cost) -> str:
    pruning = cost.pruning
    if pruning.target == "dense":
        return "dense"
    if pruning.target == BLOCKS:
        return f"without blocks {write_blocks(list(pruning.left_out))}"
    if pruning.target == "both":
        return f"activations {pruning.activation} and weights {pruning.weight}"
    return f"{pruning.target}s {pruning.pattern}, {pruning.metadata} for metadata"


def _bytes(counts: Counts) -> Iterator[str]:
    dense, left = counts.bytes(dense=True), counts.bytes()
    for kind in KINDS:
        one = _of(getattr(dense, kind), getattr(left, kind))
        yield _line(f"bytes, {KIND_WORDS[kind]}", one, word(counts.open_bytes(kind)))
    yield _line("bytes, all", _of(dense.total, left.total), word(counts.open_bytes()))


def _bounds(cost: Cost) -> Iterator[str]:
    bound, dense = cost.bound, cost.dense
    if bound.seconds is None or dense.seconds is None:
        said = f"not known: the sheet of {cost.machine.title} gives neither peak nor bandwidth"
        yield _line("time at least", said, "bounded")
        return
    limit = f"bound by {bound.limit}" if bound.limit else "by what the sheet says alone"
    said = f"{_time(bound.seconds)}, {limit} ({_time(dense.seconds)} dense)"
    yield _line("time at least", said, "bounded")
    if cost.hypothetical is not None and cost.hypothetical.seconds is not None:
        said = f"{_time(cost.hypothetical.seconds)}, as wide as those it has"
        yield _line("with units for the pattern", said, "hypothetical")
    if cost.energy is not None:
        least, most = cost.energy.total
        yield _line("energy", f"{least:.3g} to {most:.3g} J", "bounded")


def _of(dense: int, left: int) -> str:
    """`1,234`, or `617 of 1,234 dense (50%)`."""
    if dense == left:
        return f"{left:,}"
    share = f" ({left / dense:.1%})" if dense else ""
    return f"{left:,} of {dense:,} dense{share}"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds / 1e-6:.4g} µs"


def _line(name: str, said: str, known: Knowledge) -> str:
    return f"  {name}: {said} [{known}]"
