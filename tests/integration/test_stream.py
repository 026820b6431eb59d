"""A model larger than memory is measured block by block, with the numbers of the whole one."""

from pathlib import Path

import pytest
import torch
from kinds import make_model, save_model
from tiny import PARAGRAPHS, make_tokenizer

from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.engine.load.loading import load
from nmviz.engine.measure.runner import Run
from nmviz.engine.stream.opening import opened
from nmviz.engine.stream.parts import Parts
from nmviz.engine.stream.run import StreamedRun

TEXT = " ".join(PARAGRAPHS)


def experiments(model: Path) -> list[Experiment]:
    asked = (
        {"pattern": "2:4"},
        {"pattern": "8:16", "criterion": "amber", "mitigations": ("d-pts", "var")},
        {"pattern": "2:4", "target": "weight", "blocks": "1-2"},
        {"pattern": "50%", "target": "weight", "criterion": "wanda"},
        {"pattern": "8:16", "mitigations": ("s-pts",)},
    )
    reading = {"corpus": "own-text", "tokens": 256, "window": 64, "calibration_windows": 2}
    def build(fields):
        own = dict(reading)
        if not (fields.get("criterion") == "wanda" or "s-pts" in fields.get("mitigations", ())):
            own.pop("calibration_windows")
        return Experiment.build(model=str(model), **own, **fields)
    return [build(f) for f in asked]


def last(run):
    *_, end = run
    assert end.stage == "done"
    return end.results
