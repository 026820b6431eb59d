"""`nmviz plan`: which layers to prune within a budget, as a file that --pattern takes."""

import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from nmviz.base.errors import UserError
from nmviz.base.whole_files import replace_with
from nmviz.cli.options import fields_of, options_of
from nmviz.cli.run import follow
from nmviz.core.experiment import Experiment
from nmviz.core.plans.choosing import budget_of
from nmviz.core.plans.plan import ENDINGS, Plan
from nmviz.core.results import Progress
from nmviz.core.settings import Settings
from nmviz.service.plans import making

SETTINGS = (
    *("target", "pattern", "criterion", "mitigations", "ties"),
    *("corpus", "tokens", "window", "bos", "protocol", "stride", "calibration_windows", "seed"),
)


@options_of(settings=fields_of(Settings, *SETTINGS))
def plan(
    model: Annotated[str, typer.Argument(help=Settings.model_fields["model"].description)],
    settings: dict[str, Any],
    out: Annotated[Path, typer.Option(help="The file to write, such as plan.yaml.")],
    budget: Annotated[
        float | None, typer.Option(help="Share of the multiply-adds of the blocks to prune.")
    ] = None,
    sparsity: Annotated[
        float | None, typer.Option(help="Mean sparsity instead, such as 0.275.")
    ] = None,
    by: Annotated[str, typer.Option(help="attribution, outliers, amber or teal.")] = "attribution",
    rounds: Annotated[
        int, typer.Option(min=1, max=20, help="How often costs are measured, by attribution.")
    ] = making.ROUNDS,
) -> None:
    """Choose which layers to prune within a budget, and write them as a plan for --pattern."""
    way = making.check_way(by)
    if (budget is None) == (sparsity is None):
        raise UserError("Say how much is pruned: give either --budget or --sparsity.")
    if out.suffix.lower() not in ENDINGS:
        raise UserError(f"A plan is written as YAML: call the file {out.stem}.yaml.")
    experiment = Experiment.build(model=model, **settings)
    if experiment.is_dense:
        raise UserError("A dense model has no plan: choose a pattern.")
    whole = budget if sparsity is None else budget_of(sparsity, experiment.mask)
    made: list[Plan] = []
    steps = making.make_plan(experiment, whole or 0.0, way, rounds=rounds)
    follow(_keeping(steps, made), "tokens", kept=True)
    command = shlex.join(["nmviz", *sys.argv[1:]])
    written = replace(made[0], about=[command, *made[0].about])
    try:
        replace_with(out, str(written).encode())
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}.") from None
    print(f"{out}: {written.about[-1]}")


def _keeping(steps: making.Steps, made: list[Plan]) -> Iterator[Progress]:
    made.append((yield from steps))
