"""A model pruned inside a `with`."""

from typing import Any

from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.prune.sparsify import forwards, replaced

WINDOW = 32


def nothing() -> None:
    """A check that never cancels."""


def prune(loaded: LoadedModel, **fields: object) -> Any:
    """Inside the `with`, the model is pruned."""
    experiment = Experiment.build(window=WINDOW, tokens=64, calibration_windows=3, **fields)
    return replaced(forwards(bind(loaded, experiment, nothing).pruned, nothing))
