"""What there is to choose from: `nmviz methods`, `nmviz models`, `nmviz tasks`."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.cli import printing
from nmviz.cli.options import Json


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
    told = [service.describe(name)] if name else service.catalogue().models
    if as_json:
        print(json.dumps([asdict(model) for model in told]))
        return
    for model in told:
        about = f"{model.title}: {model.blocks} blocks, {model.licence}. {model.note} {model.terms}"
        print(f"{model.id:16} {about.rstrip()}")
    if name:
        layers = [f"{one} (d_in {width})" for one, width in told[0].d_in.items()]
        print(f"linear layers of a block: {', '.join(layers) or 'known once it is loaded'}")


def tasks(as_json: Json = False) -> None:
    """List the tasks that `run --tasks` takes."""
    offered = service.catalogue().tasks
    if as_json:
        print(json.dumps([printing.task_json(task) for task in offered]))
        return
    for task in offered:
        rows = f"{task.examples:,} examples, {task.split}"
        print(f"{task.name:16} {task.title:14} {rows:28} {task.about}")
