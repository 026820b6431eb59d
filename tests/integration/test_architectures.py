"""Every architecture goes through the engine: found, pruned, calibrated, written with, restored."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event

import pytest
import torch
from kinds import KINDS, make_model, save_model
from pruning import WINDOW, nothing, prune
from tiny import PARAGRAPHS, make_tokenizer
from torch import Tensor, nn

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate.blockwise import Walk
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.scope import choose
from nmviz.engine.load.sites import Site, find_site, find_sites
from nmviz.engine.load.tokens import encode
from nmviz.engine.measure.dense import PASSES, DensePass, dense_pass, skipped
from nmviz.engine.measure.evaluate import first_block, logits
from nmviz.engine.measure.statistics import DenseTokens
from nmviz.engine.prune.sparsify import Pruned, forwards, replaced
from nmviz.engine.write.generate import Sampling, generate
from nmviz.sources.models import ModelInfo


def make_loaded(kind: str, attention: str = "sdpa") -> LoadedModel:
    tokenizer = make_tokenizer()
    model = make_model(kind, len(tokenizer), tokenizer.eos_token_id, attention)
    info = ModelInfo(kind, kind, "", "", blocks=3, projections=(), context=128)
    return LoadedModel(info, model, tokenizer, sha256=kind, device="cpu")


@pytest.fixture(scope="module", params=KINDS)
def loaded(request: pytest.FixtureRequest) -> LoadedModel:
    return make_loaded(request.param)


pytestmark = pytest.mark.usefixtures("paragraphs_calibrate")


@pytest.fixture
def ids(loaded: LoadedModel) -> Tensor:
    return encode(loaded, PARAGRAPHS[0])[:WINDOW]


@pytest.fixture
def untouched(loaded: LoadedModel, ids: Tensor) -> Iterator[Tensor]:
    """The dense logits; afterwards the model is the one before, bit for bit."""
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    dense = logits(loaded, ids)
    yield dense
    assert torch.equal(logits(loaded, ids), dense)
    after = loaded.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    for module in loaded.model.modules():
        assert "forward" not in module.__dict__
        assert not module._forward_hooks and not module._forward_pre_hooks


def test_every_linear_layer_of_the_blocks_is_a_site(loaded: LoadedModel) -> None:
    sites = find_sites(loaded.model)
    named = KINDS[loaded.info.id].projections
    assert [(s.block, s.projection) for s in sites] == [(b, p) for b in range(3) for p in named]
    for site in sites:
        x = torch.randn(5, site.d_in)
        assert torch.allclose(site.dense(x), site.module(x), atol=1e-5)


@pytest.mark.parametrize("target", ["activation", "weight"])
def test_keeping_everything_is_the_dense_model(
    loaded: LoadedModel, ids: Tensor, untouched: Tensor, target: str
) -> None:
    with prune(loaded, pattern="4:4", target=target):
        assert torch.allclose(logits(loaded, ids), untouched, atol=1e-4)


@pytest.mark.parametrize("target", ["activation", "weight"])
def test_pruning_shows_and_is_undone(
    loaded: LoadedModel, ids: Tensor, untouched: Tensor, target: str
) -> None:
    with prune(loaded, pattern="2:4", target=target):
        assert (logits(loaded, ids) - untouched).abs().max() > 0.01


@pytest.mark.parametrize("target", ["activation", "weight"])
def test_biases_are_kept(loaded: LoadedModel, untouched: Tensor, target: str) -> None:
    with prune(loaded, pattern="2:4", target=target):
        for site in find_sites(loaded.model):
            y = site.module(torch.zeros(1, site.d_in))[0]
            bias = site.module.bias
            assert torch.equal(y, torch.zeros_like(y) if bias is None else bias)
    has_bias = {s.projection for s in find_sites(loaded.model) if s.bias is not None}
    assert has_bias == set(KINDS[loaded.info.id].biased)


def pruned_nll(
    loaded: LoadedModel, text: str, ids: Tensor, pruned: Pruned, check: Callable[[], None]
) -> Tensor:
    """NLL of each predicted token under a pruned model: ids int64 [windows, tokens] of the text
    that `text` names, to float64 [windows, tokens - 1]."""
    dense = PASSES.get(loaded, text, ids) or DensePass()
    early = skipped(loaded.model, dense, first_block(pruned))
    with early, replaced(forwards(pruned, check), len(ids)):
        scores = logits(loaded, ids)
    return torch.stack([DenseTokens.of(*one).nll for one in zip(scores, ids, strict=True)])


@pytest.mark.parametrize("criterion", ["clact", "gradient"])
def test_windows_read_together_are_pruned_one_by_one(loaded: LoadedModel, criterion: str) -> None:
    windows = encode(loaded, "\n\n".join(PARAGRAPHS))[: 4 * WINDOW].view(4, WINDOW)
    chosen = Experiment.build(
        pattern="2:4", criterion=criterion, window=WINDOW, tokens=64, calibration_windows=3
    )
    pruned = bind(loaded, chosen, nothing).pruned
    together = pruned_nll(loaded, "text", windows, pruned, nothing)
    alone = [pruned_nll(loaded, "text", ids[None], pruned, nothing) for ids in windows]
    assert torch.allclose(together, torch.cat(alone), atol=1e-3)
    if criterion == "gradient":
        for site in pruned.sites:
            assert pruned.states[site]["gradient"]["rms"].unique().numel() > site.d_in // 2


@pytest.mark.parametrize("target", ["activation", "weight"])
def test_blocks_before_the_first_pruned_one_are_not_run_again(
    loaded: LoadedModel, untouched: Tensor, target: str
) -> None:
    """What they give is known from the dense pass, to the bit."""
    windows = encode(loaded, "\n\n".join(PARAGRAPHS))[: 4 * WINDOW].view(4, WINDOW)
    chosen = Experiment.build(pattern="2:4", target=target, blocks="2", window=WINDOW, tokens=64)
    pruned = bind(loaded, chosen, nothing).pruned
    run: Counter[int] = Counter()
    _, blocks = find_blocks(loaded.model)
    PASSES.clear()
    whole = pruned_nll(loaded, "text", windows, pruned, nothing)
    dense_pass(loaded, "text", windows, lambda *_: None, nothing)
    with ExitStack() as counting:
        for number, block in enumerate(blocks):
            inside = next(module for module in block.modules() if not list(module.children()))
            count = partial(lambda number, *_: run.update([number]), number)
            counting.callback(inside.register_forward_pre_hook(count).remove)
        assert torch.equal(pruned_nll(loaded, "text", windows, pruned, nothing), whole)
    assert run[2] and not run[0] and not run[1]


def inputs_of(loaded: LoadedModel, site: Site, windows: Tensor) -> Tensor:
    """A site's inputs over the windows, by a plain hook."""
    seen: list[Tensor] = []
    hook = site.module.register_forward_pre_hook(
        lambda _, args: seen.append(args[0].flatten(0, -2))
    )
    for ids in windows:
        logits(loaded, ids)
    hook.remove()
    return torch.cat(seen)


def assert_the_walk_agrees(loaded: LoadedModel) -> None:
    windows = encode(loaded, "\n\n".join(PARAGRAPHS))[: 2 * WINDOW].view(2, WINDOW)
    walk = Walk(loaded, windows, nothing)
    for block in range(2):
        walk.advance(block, {})
    for site, x in walk.dense(2)[0].items():
        expected = inputs_of(loaded, site, windows)
        assert torch.allclose(x.flatten(0, -2), expected, atol=1e-4), site.name


def test_a_walk_sees_what_the_model_sees(loaded: LoadedModel, untouched: Tensor) -> None:
    assert_the_walk_agrees(loaded)


def test_a_walk_hands_on_what_blocks_are_given_by_position() -> None:
    assert_the_walk_agrees(make_loaded("gpt2", attention="eager"))  # its causal mask is


def test_blocks_that_read_the_text_themselves_are_not_walked() -> None:
    loaded = make_loaded("llama")
    loaded.model.register_forward_pre_hook(
        lambda _, args, kwargs: (args, {**kwargs, "own": kwargs["input_ids"]}), with_kwargs=True
    )
    windows = torch.arange(2 * WINDOW).view(2, WINDOW)
    with pytest.raises(UserError, match="choose methods that need no calibration"):
        Walk(loaded, windows, nothing)


@pytest.mark.parametrize(
    "method",
    [
        {"mitigations": "s-pts"},
        {"mitigations": "ls(rate=0.01)"},
        {"criterion": "gradient"},
        {"criterion": "wanda", "target": "weight"},
    ],
    ids=str,
)
def test_calibrated_methods_work(
    loaded: LoadedModel, ids: Tensor, untouched: Tensor, method: dict[str, str]
) -> None:
    with prune(loaded, pattern="2:4", **method):
        pruned = logits(loaded, ids)
    assert pruned.isfinite().all()
    assert not torch.equal(pruned, untouched)


def test_the_dense_text_is_that_of_transformers(loaded: LoadedModel, untouched: Tensor) -> None:
    prompt = PARAGRAPHS[0]
    ids = encode(loaded, prompt)
    own = loaded.model.generate(ids[None], max_new_tokens=8, do_sample=False)[0, len(ids) :]
    sampling = Sampling(max_new_tokens=8, chat=False)
    pair = [Experiment(pattern="1:4", target="weight"), Experiment(pattern="1:4")]
    *_, final = generate(loaded, pair, prompt, sampling, Event())
    dense, *others = final.continuations
    assert [token.id for token in dense.tokens] == own.tolist()[: len(dense.tokens)]
    written = [token.probability for token in dense.tokens]
    assert dense.dense_probability == pytest.approx(written, rel=1e-3)
    assert all(other.finished and other.dense_probability for other in others)


def test_an_unknown_projection_is_answered_with_those_there_are(loaded: LoadedModel) -> None:
    named = KINDS[loaded.info.id].projections
    says = f"no projection 'qq': choose among {', '.join(named)}"
    with pytest.raises(UserError, match=says):
        choose(find_sites(loaded.model), Experiment(projections=("qq",)))
    chosen = choose(find_sites(loaded.model), Experiment(projections=(named[-1],)))
    assert [site.projection for site in chosen] == [named[-1]] * 3


def test_the_layers_are_told_before_a_model_is_loaded(loaded: LoadedModel, tmp_path: Path) -> None:
    info = service.describe(str(save_model(loaded.info.id, tmp_path / "model")))
    assert list(info.projections) == KINDS[loaded.info.id].projections
    assert info.blocks == 3
    assert dict(info.d_in) == {site.projection: site.d_in for site in find_sites(loaded.model)}


def test_a_layer_that_is_not_there_is_answered_with_those_there_are(loaded: LoadedModel) -> None:
    named = ", ".join(KINDS[loaded.info.id].projections)
    with pytest.raises(UserError, match=f"it has {named} in blocks 0-2"):
        find_site(loaded.model, 1, "qq")


def test_without_a_list_of_blocks_nothing_can_be_pruned() -> None:
    model = nn.Sequential(nn.Embedding(8, 4), nn.Linear(4, 8))
    with pytest.raises(UserError, match="no list of decoder blocks") as told:
        find_blocks(model)
    assert "\n" not in str(told.value)
