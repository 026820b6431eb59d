"""The command line of an experiment asks `nmviz run` for exactly that experiment."""

import shlex
from typing import Any

import pytest
import typer
from click.testing import CliRunner

from nmviz.cli.options import fields_of, options_of
from nmviz.core.experiment import Experiment
from nmviz.core.settings import Settings
from nmviz.service.reports.commands import OWN_FILE, run_command
from nmviz.sources.corpora import OWN_TEXT

EXPERIMENTS = [
    {},
    {"pattern": "2:4", "criterion": "clact", "mitigations": ("d-pts", "var")},
    {"target": "weight", "pattern": "50%", "criterion": "ria(over=matrix)", "seed": 3},
    {"projections": ("q", "down"), "blocks": "0-2,7", "corpus": "wikitext-2"},
    {"tasks": "arc_easy,piqa", "limit": 10, "chat": True},
    {"target": "blocks", "drop": 3, "by": "last"},
    {"protocol": "stride", "window": 128, "stride": 32, "tokens": 4096},
]


@pytest.mark.parametrize("fields", EXPERIMENTS, ids=str)
def test_it_is_read_back(fields: dict[str, Any]) -> None:
    experiment = Experiment.build(**fields)
    read: list[Experiment] = []

    @options_of(settings=fields_of(Settings))
    def run(settings: dict[str, Any]) -> None:
        read.append(Experiment.build(**settings))

    app = typer.Typer()
    app.command()(run)
    command = run_command(experiment)
    assert command.startswith("nmviz run")
    done = CliRunner().invoke(typer.main.get_command(app), shlex.split(command)[2:])
    assert done.exit_code == 0, done.output
    assert read == [experiment]


def test_a_text_of_ones_own_is_a_file() -> None:
    assert OWN_FILE in run_command(Experiment(corpus=OWN_TEXT))
