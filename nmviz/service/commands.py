"""The command line that measures an experiment."""

import shlex
from urllib.parse import parse_qsl

from nmviz.core.experiment import Experiment
from nmviz.sources.corpora import OWN_TEXT

CALLED = {"mitigations": "--mitigate", "projections": "--sites", "keep": "--no-store"}
"""Options whose name is not that of their field."""
FLAGS = frozenset(("chat",))
"""Fields that an option without a value switches on."""
OWN_FILE = "--text FILE"
"""In place of a text that nobody else has."""


def option_of(field: str) -> str:
    """The option that gives a field of `Settings` or `Running`: `calibration_windows` is
    `--calibration-windows`."""
    return CALLED.get(field, f"--{field.replace('_', '-')}")


def run_command(experiment: Experiment) -> str:
    """`nmviz run --pattern 2:4 ...`: what differs from the defaults, quoted for a shell. A text of
    one's own is only brought along by its file."""
    words = ["nmviz run"]
    for field, value in parse_qsl(experiment.to_query(), keep_blank_values=True):
        if field == "corpus" and value == OWN_TEXT:
            words.append(OWN_FILE)
        elif field in FLAGS:
            words.append(option_of(field))
        else:
            words.append(f"{option_of(field)} {shlex.quote(value)}")
    return " ".join(words)
