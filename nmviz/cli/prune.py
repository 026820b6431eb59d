"""`nmviz prune`: a pruned model, or the recipe of pruned activations, to take along."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.base.validation import built
from nmviz.cli import printing
from nmviz.cli.options import Json, Memory, bound_of, fields_of, options_of
from nmviz.cli.run import follow
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress
from nmviz.core.running import Running
from nmviz.core.settings import Settings
from nmviz.service.plans.known_plans import with_plan
from nmviz.service.saving import pruning

SETTINGS = (
    *("target", "pattern", "criterion", "mitigations", "ties", "projections", "blocks"),
    *("corpus", "tokens", "window", "bos", "protocol", "stride", "calibration_windows", "seed"),
)


@options_of(settings=fields_of(Settings, *SETTINGS), how=fields_of(Running, "device", "keep"))
def prune(
    model: Annotated[str, typer.Argument(help=Settings.model_fields["model"].description)],
    settings: dict[str, Any],
    how: dict[str, Any],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    dtype: Annotated[
        str, typer.Option(help="source (as the model is stored; few bits as float32) or float32.")
    ] = "source",
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Prune a model and write it for other tools: weights as safetensors, activations as a recipe.

    Beside it lie the masks, nmviz.json and a model card with the measured cost.
    """
    if dtype not in pruning.DTYPES:
        raise UserError(f"--dtype is {' or '.join(pruning.DTYPES)}, not {dtype[:40]!r}.")
    experiment = Experiment.build(**with_plan({"model": model, **settings}))
    running = built(Running, how | {"keep_passes": False, "memory": bound_of(memory)})
    if terms := service.describe(experiment.model).terms:
        print(f"nmviz: {terms}", file=sys.stderr)
    made: list[dict[str, Any]] = []
    typed = (word if word[:1] not in "/~" else Path(word).name for word in sys.argv[1:])
    command = shlex.join(["nmviz", *typed])  # it stands in the card, which tells no whole paths
    steps = pruning.prune(experiment, out, dtype, running, command)
    follow(_keeping(steps, made), "tokens", kept=False)
    told = {"folder": str(out), **made[0]}
    print(json.dumps(told) if as_json else printing.pruned_text(told, experiment))


def _keeping(steps: pruning.Steps, made: list[dict[str, Any]]) -> Iterator[Progress]:
    made.append((yield from steps))
