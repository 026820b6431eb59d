"""`nmviz run`: one experiment, from the store or measured, with its progress."""

import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.base.validation import built
from nmviz.cli import printing
from nmviz.cli.options import STOPPED, Json, Memory, bound_of, fields_of, given_to, options_of
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress
from nmviz.core.running import Running
from nmviz.core.settings import Settings
from nmviz.service.following import followed
from nmviz.service.plans.known_plans import with_plan
from nmviz.service.saving.asked import with_saved
from nmviz.sources import corpora


class Beside(StrEnum):
    """What can be kept beside a result."""

    LOOKS = "looks"


@options_of(settings=fields_of(Settings), how=fields_of(Running))
def run(
    context: typer.Context,
    settings: dict[str, Any],
    how: dict[str, Any],
    text: Annotated[
        Path | None,
        typer.Option(help="Your own UTF-8 file as the corpus; special tokens in it are text."),
    ] = None,
    memory: Memory = None,
    beside: Annotated[
        Beside | None,
        typer.Option(
            "--keep",
            help="looks: keep what the page shows of every layer, and texts, in at most 5 MB; of a "
            "stored result only these are made.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prune a model and measure it; a stored result is given at once."""
    if not settings["tasks"] and (settings["chat"] or settings["limit"] is not None):
        raise UserError("--limit and --chat are for tasks: name some with --tasks.")
    own = None if text is None else corpora.read_file(text)
    if own is not None:
        settings["corpus"] = service.OWN_TEXT
    asked = with_saved(settings, given_to(context))
    experiment = Experiment.build(**with_plan(asked))
    running = built(Running, how | {"keep_passes": False, "memory": bound_of(memory)})
    if beside:
        _check_keeps(experiment, running)
    if terms := service.describe(experiment.model).terms:
        print(f"nmviz: {terms}", file=sys.stderr)
    steps = service.run([experiment], text=own, how=running)
    last = follow(steps, "examples" if experiment.tasks else "tokens", kept=running.keep)
    result = last.results[0]
    if beside:
        follow(service.keep_looks(experiment, result, running), "layers", kept=True)
    print(printing.run_line(result) if as_json else printing.run_text(result, last.from_store))


def _check_keeps(experiment: Experiment, running: Running) -> None:
    """UserError, before anything is measured, where no looks can be kept."""
    if not running.keep:
        raise UserError("--keep looks stores beside the result: leave --no-store out.")
    service.check_has_looks(experiment)
    service.store().check_keeps()


def follow(steps: Iterable[Progress], unit: str, *, kept: bool) -> Progress:
    """Show progress on stderr where a person watches, every note once, and give the last step; say
    what a stop leaves behind."""
    try:
        return followed(steps, unit)
    except KeyboardInterrupt:
        left = "what was whole by then is stored" if kept else "nothing was stored"
        print(f"nmviz: stopped; {left}.", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
