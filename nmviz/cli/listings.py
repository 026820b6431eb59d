"""What there is to choose from: `nmviz methods`, `nmviz models`, `nmviz tasks`."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.cli import printing
from nmviz.cli.options import Json
from nmviz.core.coverage import Coverage
from nmviz.sources.models import ModelInfo


def methods(as_json: Json = False) -> None:
    """List patterns, criteria and mitigations."""
    offered = service.catalogue()
    groups = {
        **{f"{target} criteria": entries for target, entries in offered.criteria.items()},
        "mitigations": offered.mitigations,
    }
    if as_json:
        listing = {
            name: [printing.method_json(m) for m in entries] for name, entries in groups.items()
        }
        print(json.dumps({"patterns": offered.patterns, **listing}))
        return
    print(f"patterns: {', '.join(offered.patterns)}, any other N:M or P%")
    for name, entries in groups.items():
        print(f"\n{name}")
        for method in entries:
            print(f"  {method.name:12} {method.title}\n{'':15}{method.formula}")
            if method.as_published:
                print(f"{'':15}{method.as_published}")


def models(
    name: Annotated[str, typer.Argument(help="One model, with the layers that it has.")] = "",
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch and convert that model again, and load it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the models on offer; any Hub id or folder of a causal language model works too."""
    if fetch and not name:
        raise UserError("--fetch is for one model: name it, as in nmviz models --fetch NAME.")
    if fetch:
        lies = service.fetch_again(name)
        print(f"nmviz: {name} is whole in {lies.folder}.", file=sys.stderr)
    told = [service.layout(name)] if name else service.catalogue().models
    if as_json:
        print(json.dumps([_model_json(model) for model in told]))
        return
    for model in told:
        about = f"{model.title}: {model.blocks} blocks, {model.licence}. {model.note} {model.terms}"
        print(f"{model.id:16} {about.rstrip()}")
    if name:
        print("\n".join(_layers(told[0])))


def _model_json(info: ModelInfo) -> dict[str, Any]:
    """All that is known but the list of all matrices, which grows with the blocks."""
    return {name: value for name, value in asdict(info).items() if name != "matrices"}


def _layers(info: ModelInfo) -> Iterator[str]:
    """What of a model's blocks can be pruned, in lines."""
    ends = {**{name: (width, width) for name, width in info.d_in.items()}, **info.ranges}
    layers = [f"{name} (d_in {_range(*both)})" for name, both in ends.items()]
    yield f"matrices of a block: {', '.join(layers) or 'known once it is loaded'}"
    if info.coverage is not None:
        yield from Coverage.model_validate(info.coverage).lines()


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def tasks(as_json: Json = False) -> None:
    """List the tasks that `run --tasks` takes."""
    offered = service.catalogue().tasks
    if as_json:
        print(json.dumps([printing.task_json(task) for task in offered]))
        return
    for task in offered:
        rows = f"{task.examples:,} examples, {task.split}"
        print(f"{task.name:16} {task.title:14} {rows:28} {task.about}")
