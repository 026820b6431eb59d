"""What rounding alone does, measured on a tiny random Llama, kept and found again."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from own_text import as_stored
from torch import Tensor

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.core.tokenwise.floor import FLOOR_DRAWS
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.sites import find_sites
from nmviz.engine.load.tokens import encode
from nmviz.engine.measure.evaluate import logits
from nmviz.engine.measure.noise import rough
from nmviz.engine.measure.runner import Run
from nmviz.engine.prune.sparsify import SiteForward, forwards, replaced

TEXT = "The river rises in spring. Two bridges join the market and the harbour. " * 20
ASKED = Running(noise_floor=True)


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


def experiment(**fields: object) -> Experiment:
    return Experiment.build(**{"pattern": "2:4", "window": 128, "tokens": 128, **fields})


def nothing() -> None:
    """No one cancels."""


def log_p(loaded: LoadedModel, ids: Tensor, computed: dict, draw: int | None = None) -> Tensor:
    made: dict[object, SiteForward] = dict(computed)
    if draw is not None:
        made = dict(rough(find_sites(loaded.model), computed, ids[None], draw, nothing))
    with replaced(made):
        return logits(loaded, ids).double().log_softmax(-1)[:-1]


@torch.inference_mode()
def test_a_floor_is_what_three_passes_with_rounding_errors_do(loaded: LoadedModel) -> None:
    *_, last = Run(loaded, [experiment()], TEXT, how=ASKED)
    (result,) = last.results
    ids, pruned = encode(loaded, TEXT)[:128], bind(loaded, experiment(), nothing).pruned
    rows, right = torch.arange(127), ids[1:]
    dense, amplified = result.noise_floors
    assert 0 < dense.kl < amplified.kl, "a pruned network amplifies rounding"
    for of, computed in (("dense", {}), ("pruned", forwards(pruned, nothing))):
        exact = log_p(loaded, ids, computed)
        kl, moved = [], []
        for draw in range(FLOOR_DRAWS):
            other = log_p(loaded, ids, computed, draw)
            kl.append((exact.exp() * (exact - other)).sum(-1).mean())
            moved.append((exact - other)[rows, right].mean())
        told = result.floor_of(of)
        assert told is not None and told.draws == FLOOR_DRAWS
        assert told.kl == pytest.approx(float(torch.stack(kl).mean()), rel=1e-2)
        size = torch.stack(moved).square().mean().sqrt()
        assert told.delta_nll == pytest.approx(float(size), rel=2e-2)


def test_what_is_asked_for_changes_no_other_number(loaded: LoadedModel) -> None:
    *_, plain = Run(loaded, [experiment()], TEXT)
    *steps, asked = Run(loaded, [experiment()], TEXT, how=ASKED)
    assert plain.results[0].noise_floors == ()
    assert asked.results[0].measurements == plain.results[0].measurements
    assert max(step.share or 0 for step in steps) <= 1 and asked.share == 1


@pytest.fixture
def measured(own_store: Path, tiny_model: Path) -> Sequence[Result]:
    """A run without a floor, then one with, then another experiment without."""
    model = str(tiny_model)
    first, other = (experiment(model=model, pattern=name) for name in ("2:4", "1:4"))
    return [
        service_run(first, Running()),
        service_run(first, ASKED),
        service_run(other, Running()),
        service_run(first, Running()),
    ]


def service_run(one: Experiment, how: Running) -> Result:
    *_, last = service.run([one.but(corpus=service.OWN_TEXT)], text=TEXT, how=how)
    return last.results[0]


def test_the_dense_floor_is_measured_once_and_found_again(measured: Sequence[Result]) -> None:
    plain, asked, other, again = measured
    assert plain.noise_floors == ()
    assert [one.of for one in asked.noise_floors] == ["dense", "pruned"]
    assert other.noise_floors == (asked.floor_of("dense"),)
    assert again == as_stored(asked), "what is stored with a floor answers a run that asks for none"
