"""Calibration on a tiny model and real calibration text: states, order, cache, training, cancel."""

import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional

from nmviz.base.errors import Cancelled, StorageError, UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate import artefacts, calibration
from nmviz.engine.calibrate.blockwise import Walk
from nmviz.engine.calibrate.calibration import Stage, bind, bind_site, calibration_windows, prepare
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.sites import find_site, find_sites
from nmviz.engine.measure.evaluate import logits
from nmviz.engine.prune.of_last import OfLast
from nmviz.engine.prune.sparsify import forwards, replaced
from nmviz.methods import sparsegpt

pytestmark = pytest.mark.real  # the calibration text is fetched on first use


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


@pytest.fixture(autouse=True)
def own_artefacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(artefacts, "path_of", lambda key: tmp_path / f"{key}.safetensors")
    monkeypatch.setattr(calibration, "WINDOW", 64)
    yield


def experiment(**fields: object) -> Experiment:
    defaults = {"pattern": "2:4", "window": 64, "tokens": 256, "calibration_windows": 3}
    return Experiment.build(**{**defaults, **fields})


def nothing() -> None:
    """A check that never cancels."""


def inputs_of(loaded: LoadedModel, windows: Tensor, block: int, projection: str) -> Tensor:
    """A site's inputs over the windows, by a plain hook."""
    seen: list[Tensor] = []
    module = find_site(loaded.model, block, projection).module
    hook = module.register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    for ids in windows:
        logits(loaded, ids)
    hook.remove()
    return torch.cat(seen)


def test_windows_are_drawn_without_overlap_under_a_seed(loaded: LoadedModel) -> None:
    first, again, other = (calibration_windows(loaded, 5, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (5, 64)
    with pytest.raises(UserError, match="ask for fewer"):
        calibration_windows(loaded, 10**6, 0)


def test_a_walk_sees_what_the_model_sees(loaded: LoadedModel) -> None:
    windows = calibration_windows(loaded, 2, 0)
    walk = Walk(loaded, windows, nothing)
    for block in range(3):
        for site, x in walk.dense(block)[0].items():
            expected = inputs_of(loaded, windows, block, site.projection)
            assert x.shape[:2] == (2, 64)
            assert torch.allclose(x.flatten(0, 1), expected, atol=1e-5)
        walk.advance(block, {})


def test_a_pass_that_ends_at_its_last_layer_gives_the_same_inputs(loaded: LoadedModel) -> None:
    walk = Walk(loaded, calibration_windows(loaded, 3, 0), nothing)
    whole, outputs = walk.dense(0)
    short, (first,) = walk.dense(0, to_the_end=False)
    assert len(outputs) == 3 and torch.equal(first, outputs[0])
    assert list(whole) == list(short) and len(whole) == 7
    assert all(torch.equal(whole[site], short[site]) for site in whole)


def test_a_static_shift_comes_from_the_dense_inputs(loaded: LoadedModel) -> None:
    bound = bind(loaded, experiment(mitigations="s-pts"), nothing)
    x = inputs_of(loaded, calibration_windows(loaded, 3, 0), 2, "down")
    site = find_site(loaded.model, 2, "down")
    eta = bound.pruned.states[site]["s-pts"]["eta"].item()
    assert eta == pytest.approx(x.median(-1).values.mean().item(), rel=1e-4)


def test_wanda_sees_the_pruned_blocks_before_it(loaded: LoadedModel) -> None:
    chosen = experiment(criterion="wanda", target="weight")
    bound = bind(loaded, chosen, nothing)
    windows = calibration_windows(loaded, 3, 0)
    site = find_site(loaded.model, 2, "q")
    norm = bound.pruned.states[site]["wanda"]["norm"]
    dense = inputs_of(loaded, windows, 2, "q").norm(dim=0)
    before = {s: f for s, f in forwards(bound.pruned, nothing).items() if s.block < 2}
    with replaced(before):
        sparse = inputs_of(loaded, windows, 2, "q").norm(dim=0)
    assert torch.allclose(norm, sparse, rtol=1e-4)
    assert not torch.allclose(norm, dense, rtol=1e-2)


def test_the_gradient_is_that_of_each_layer_alone(loaded: LoadedModel) -> None:
    chosen = experiment(criterion="gradient", calibration_windows=1)
    bound = bind(loaded, chosen, nothing)
    (ids,) = calibration_windows(loaded, 1, 0)
    site = find_site(loaded.model, 1, "k")
    step = 1e-2
    channel = 5

    def loss(shift: float) -> float:
        moved = torch.zeros(site.d_in)
        moved[channel] = shift
        with replaced({site: lambda x: site.dense(x + moved * marks)}), torch.no_grad():
            scores = loaded.model(input_ids=ids[None]).logits[0].double()
        return functional.cross_entropy(scores[:-1], ids[1:]).item()

    squares = 0.0
    for token in range(0, 64):
        marks = torch.zeros(64, 1)
        marks[token] = 1
        squares += ((loss(step) - loss(-step)) / (2 * step)) ** 2
    rms = bound.pruned.states[site]["gradient"]["rms"][channel].item()
    assert rms == pytest.approx((squares / 64) ** 0.5, rel=0.05)


def test_what_was_calibrated_is_never_worked_out_again(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = experiment(mitigations="s-pts,var")
    first = bind(loaded, chosen, nothing).pruned
    monkeypatch.setattr(calibration, "Walk", None)  # would fail if it were called
    again = bind(loaded, chosen.but(tokens=512, corpus="wikitext-2"), nothing).pruned
    for site in find_sites(loaded.model):
        expected = first.states[site]["s-pts"]["eta"]
        assert torch.equal(again.states[site]["s-pts"]["eta"], expected)
    with pytest.raises(TypeError):
        bind(loaded, chosen.but(seed=1), nothing)


def test_a_spoiled_artefact_is_made_again(loaded: LoadedModel, tmp_path: Path) -> None:
    chosen = experiment(mitigations="s-pts")
    bind(loaded, chosen, nothing)
    (kept,) = tmp_path.glob("*.safetensors")
    kept.write_bytes(b"spoiled")
    bind(loaded, chosen, nothing)
    assert kept.stat().st_size > 100


def test_a_look_at_one_site_needs_what_was_calibrated(loaded: LoadedModel) -> None:
    chosen, site = experiment(mitigations="s-pts"), find_site(loaded.model, 1, "q")
    with pytest.raises(UserError, match="s-pts must first be calibrated on text: press Run"):
        bind_site(loaded, chosen, site)
    whole = bind(loaded, chosen, nothing).pruned
    alone = bind_site(loaded, chosen, site)
    assert torch.equal(alone.states[site]["s-pts"]["eta"], whole.states[site]["s-pts"]["eta"])
    with pytest.raises(UserError, match="outside the scope"):
        bind_site(loaded, chosen.but(blocks="0"), site)


def test_windows_held_out_from_training_are_held_out_from_gradients(loaded: LoadedModel) -> None:
    alone = bind(loaded, experiment(criterion="gradient"), nothing).pruned
    trained = bind(loaded, experiment(criterion="gradient", mitigations="ls"), nothing).pruned
    site = find_site(loaded.model, 1, "q")
    assert torch.equal(
        alone.states[site]["gradient"]["rms"], trained.states[site]["gradient"]["rms"]
    )


FAST = "rate=0.01,epochs=3"


@pytest.mark.parametrize(
    "mitigations",
    [f"l-pts({FAST})", f"ls({FAST})", f"l-pts(where=output,{FAST}),ls({FAST})", f"var,ls({FAST})"],
)
def test_training_lowers_the_held_out_loss(loaded: LoadedModel, mitigations: str) -> None:
    figures = bind(loaded, experiment(mitigations=mitigations), nothing).figures
    assert 0 < figures["heldout_loss_after"] < figures["heldout_loss_before"]


def test_training_is_deterministic_and_leaves_the_model_as_it_was(loaded: LoadedModel) -> None:
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    chosen = experiment(mitigations="ls(rate=0.01)")
    first = bind(loaded, chosen, nothing).pruned
    for kept in artefacts.path_of("").parent.glob("*.safetensors"):
        kept.unlink()
    again = bind(loaded, chosen, nothing).pruned
    site = find_site(loaded.model, 2, "up")
    gamma = first.states[site]["ls"]["gamma"]
    assert torch.equal(gamma, again.states[site]["ls"]["gamma"])
    assert gamma.abs().max() > 0
    assert not gamma.requires_grad
    after = loaded.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(p.requires_grad for p in loaded.model.parameters())


@pytest.mark.parametrize("method", ["ls", "s-pts"])
def test_a_cancelled_calibration_leaves_nothing_behind(
    loaded: LoadedModel, tmp_path: Path, method: str
) -> None:
    with pytest.raises(Cancelled):
        list(prepare(loaded, experiment(mitigations=method), cancelling(after=70)))
    assert list(tmp_path.glob("*")) == []
    assert all("forward" not in site.module.__dict__ for site in find_sites(loaded.model))
    assert hooks(loaded.model) == 0


def cancelling(after: int) -> Callable[[], None]:
    calls = iter(range(10**6))

    def check() -> None:
        if next(calls) >= after:
            raise Cancelled

    return check


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_pre_hooks) + len(m._forward_hooks) for m in model.modules())


def test_the_stages_are_told(loaded: LoadedModel) -> None:
    stages = list(prepare(loaded, experiment(mitigations="ls"), nothing))
    assert all(isinstance(stage, Stage) and 0 <= stage.share <= 1 for stage in stages)
    words = [f"training, block {number} of 3" for number in (1, 2, 3)]
    assert list(dict.fromkeys(stage.words for stage in stages)) == [*words, "pruning"]


def test_sparsegpt_beats_magnitude_on_the_text_it_was_calibrated_on(loaded: LoadedModel) -> None:
    windows = calibration_windows(loaded, 3, 0)
    site = find_site(loaded.model, 0, "gate")
    x = inputs_of(loaded, windows, 0, "gate")
    errors = {}
    for name in ("sparsegpt", "magnitude"):
        pruned = bind(loaded, experiment(criterion=name, target="weight"), nothing).pruned
        errors[name] = (pruned.forward(site, x) - site.dense(x)).norm().item()
    assert errors["sparsegpt"] < errors["magnitude"]


def test_layers_that_are_given_the_same_share_one_hessian(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    factored: list[int] = []
    whole = sparsegpt.inverse_factor

    def counted(x: Tensor, damp: float) -> Tensor:
        factored.append(x.shape[1])
        return whole(x, damp)

    monkeypatch.setattr(sparsegpt, "inverse_factor", counted)
    bind(loaded, experiment(target="weight", criterion="sparsegpt", blocks="0"), nothing)
    assert factored == [64, 64, 64, 128]  # q, k and v; o; gate and up; down


def test_what_is_known_of_an_input_ends_with_it() -> None:
    seen, x = OfLast(), torch.ones(3)
    made = seen.get(x, "double", lambda: torch.ones(3))
    assert seen.get(x, "double", lambda: torch.zeros(3)) is made
    ended = weakref.ref(made)
    del made
    assert ended() is not None
    del x
    assert ended() is None


def test_the_key_holds_what_calibration_depends_on_and_nothing_else(loaded: LoadedModel) -> None:
    def key(**fields: object) -> str:
        return artefacts.key_of(calibration.make(experiment(**fields), ()), "model", "corpus")

    assert key(criterion="gradient") == key(criterion="gradient", pattern="8:16")
    assert key(criterion="wanda", target="weight") != key(
        criterion="wanda", target="weight", pattern="8:16"
    )
    assert key(mitigations="ls") != key(mitigations="ls", pattern="8:16")
    assert key(mitigations="ls") != key(mitigations="ls", criterion="clact")
    assert key(mitigations="s-pts") == key(mitigations="s-pts", pattern="8:16")
    assert key(mitigations="smooth,s-pts") != key(mitigations="s-pts")
    assert key(mitigations="s-pts,var") == key(mitigations="s-pts", criterion="clact")
    assert key(criterion="gradient", mitigations="d-pts") == key(criterion="gradient")
    assert key(criterion="teal", pattern="50%", mitigations="d-pts") != key(
        criterion="teal", pattern="50%"
    )
    assert key(mitigations="s-pts") != key(mitigations="s-pts", blocks="0")
    assert key(mitigations="s-pts") != key(mitigations="s-pts", seed=1)
    assert key(mitigations="s-pts") != key(mitigations="s-pts", calibration_windows=4)


def test_a_disk_that_fills_is_a_storage_error(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_tensors: object, path: Path, _metadata: object) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(artefacts, "save_file", fill)
    pruned = calibration.make(experiment(mitigations="s-pts"), find_sites(loaded.model))
    with pytest.raises(StorageError, match="No space left"):
        artefacts.save("key", pruned, {})
    assert list(tmp_path.iterdir()) == []
