"""Pruning a tiny random Llama: what every site computes, and that nothing of it stays behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from kinds import make_model
from torch import Tensor, nn
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from nmviz.base.errors import Cancelled, UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate.calibration import bind, make
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.scope import choose
from nmviz.engine.load.sites import find_site, find_sites
from nmviz.engine.measure.evaluate import logits
from nmviz.engine.prune.activations import PrunedActivations
from nmviz.engine.prune.sparsify import Pruned, forwards, replaced
from nmviz.engine.prune.weights import PrunedWeights

IDS = torch.arange(40)


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


def nothing() -> None:
    """A check that never cancels."""


def state_of(model: nn.Module) -> tuple[dict[str, Tensor], list[Any]]:
    """A copy of all tensors, and what hooks and replaced forwards there are."""
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    marks = [
        (name, "forward" in module.__dict__, len(module._forward_hooks))
        for name, module in model.named_modules()
    ]
    return tensors, marks


def assert_same(model: nn.Module, before: tuple[dict[str, Tensor], list[Any]]) -> None:
    tensors, marks = state_of(model)
    assert marks == before[1]
    assert tensors.keys() == before[0].keys()
    assert all(torch.equal(tensors[name], before[0][name]) for name in tensors)


def test_all_seven_projections_are_sites_and_nothing_else(loaded: LoadedModel) -> None:
    sites = find_sites(loaded.model)
    assert [s.projection for s in sites[:7]] == ["q", "k", "v", "o", "gate", "up", "down"]
    assert len(sites) == 21
    assert sites[0].name == "model.layers.0.self_attn.q_proj"
    assert {s.block for s in sites} == {0, 1, 2}
    assert not any("lm_head" in s.name or "embed" in s.name for s in sites)
    assert (sites[6].d_in, sites[6].d_out) == (128, 64)


def test_the_scope_is_projections_times_blocks(loaded: LoadedModel) -> None:
    sites = find_sites(loaded.model)
    chosen = choose(sites, Experiment(projections=("down", "q"), blocks="1-2"))
    assert [(s.block, s.projection) for s in chosen] == [
        (1, "q"),
        (1, "down"),
        (2, "q"),
        (2, "down"),
    ]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"projections": ("qq",)}, "no projection 'qq': choose among q, k, v"),
        ({"blocks": "1,9"}, "no block 9: its blocks are 0-2"),
        ({"pattern": "3:48"}, "64 is not a multiple of 48"),
    ],
)
def test_a_scope_that_does_not_fit_is_refused(
    loaded: LoadedModel, fields: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        choose(find_sites(loaded.model), Experiment(**fields))


def test_activations_are_masked_token_by_token(loaded: LoadedModel) -> None:
    site = find_site(loaded.model, 1, "gate")
    x = torch.randn(5, site.d_in)
    pruned = PrunedActivations(Experiment(pattern="1:4"), [site])
    blocks = x.view(5, -1, 4)
    largest = blocks.abs().argmax(-1, keepdim=True)
    kept = torch.zeros_like(blocks).scatter(-1, largest, blocks.gather(-1, largest)).view(5, -1)
    assert torch.allclose(pruned.forward(site, x), functional.linear(kept, site.weight), atol=1e-6)
    assert pruned.kept_of(site, x) == (1, 4)


def test_the_weight_is_masked_once_along_d_in(loaded: LoadedModel) -> None:
    site = find_site(loaded.model, 0, "down")
    pruned = PrunedWeights(Experiment(pattern="1:4", target="weight"), [site])
    pruned.finish(site)
    blocks = site.weight.view(site.d_out, -1, 4)
    largest = blocks.abs().argmax(-1, keepdim=True)
    kept = torch.zeros_like(blocks).scatter(-1, largest, blocks.gather(-1, largest))
    x = torch.randn(3, site.d_in)
    assert torch.equal(pruned.forward(site, x), x @ kept.view_as(site.weight).T)
    assert pruned.kept_of(site, x) == (site.weight.numel() // 4, site.weight.numel())


def test_shift_and_variance_stack_in_the_order_of_the_definition(loaded: LoadedModel) -> None:
    site = find_site(loaded.model, 2, "q")
    x = torch.randn(6, site.d_in) + 3
    pruned = PrunedActivations(Experiment(pattern="2:4", mitigations=("d-pts", "var")), [site])
    eta = x.median(-1, keepdim=True).values
    shifted = x - eta
    blocks = shifted.view(6, -1, 4)
    top = blocks.abs().topk(2, -1).indices
    kept = torch.zeros_like(blocks).scatter(-1, top, blocks.gather(-1, top)).view_as(x)
    scaled = kept * (shifted.var(-1, keepdim=True) / kept.var(-1, keepdim=True)).sqrt()
    expected = functional.linear(scaled + eta, site.weight)
    assert torch.allclose(pruned.forward(site, x), expected, atol=1e-5)


@pytest.mark.parametrize("target", ["activation", "weight"])
@pytest.mark.parametrize("pattern", ["4:4", "dense"])
def test_keeping_everything_is_the_dense_model(
    loaded: LoadedModel, target: str, pattern: str
) -> None:
    dense = logits(loaded, IDS)
    pruned = bind(loaded, Experiment.build(pattern=pattern, target=target), nothing).pruned
    with replaced(forwards(pruned, nothing)):
        assert torch.equal(logits(loaded, IDS), dense)


@pytest.mark.parametrize("target", ["activation", "weight"])
def test_the_model_is_restored_bit_for_bit(loaded: LoadedModel, target: str) -> None:
    before, dense = state_of(loaded.model), logits(loaded, IDS)
    pruned = bind(loaded, Experiment.build(pattern="2:4", target=target), nothing).pruned
    with replaced(forwards(pruned, nothing)):
        assert not torch.equal(logits(loaded, IDS), dense)
    assert_same(loaded.model, before)
    assert torch.equal(logits(loaded, IDS), dense)


@pytest.mark.parametrize("error", [RuntimeError, Cancelled, KeyboardInterrupt])
def test_an_exception_at_any_site_leaves_nothing_behind(
    loaded: LoadedModel, error: type[BaseException]
) -> None:
    before = state_of(loaded.model)
    pruned = bind(loaded, Experiment.build(pattern="2:4", target="weight"), nothing).pruned
    for fatal in (1, 10, 21):
        with pytest.raises(error), replaced(forwards(pruned, failing_at(fatal, error))):
            logits(loaded, IDS)
        assert_same(loaded.model, before)


def failing_at(fatal: int, error: type[BaseException]) -> Callable[[], None]:
    calls = iter(range(1, 1000))

    def check() -> None:
        if next(calls) == fatal:
            raise error

    return check


def test_nested_replacements_are_undone_one_by_one(loaded: LoadedModel) -> None:
    site = find_site(loaded.model, 0, "q")
    outer, inner = (lambda x: x + 1), (lambda x: x + 2)
    x = torch.zeros(1, 2, site.d_in)
    with replaced({site: outer}):
        with replaced({site: inner}):
            assert torch.equal(site.module(x), x + 2)
        assert torch.equal(site.module(x), x + 1)
    assert "forward" not in site.module.__dict__


def at_all_sites(model: nn.Module, experiment: Experiment) -> Pruned:
    pruned = make(experiment, find_sites(model))
    for site in pruned.sites:
        pruned.finish(site)
    return pruned


@pytest.mark.parametrize("target", ["activation", "weight"])
def test_the_bias_is_kept(target: str) -> None:
    qwen = make_model("qwen2", vocabulary=64, end=None)
    site = find_site(qwen, 0, "q")
    assert site.bias is not None
    pruned = at_all_sites(qwen, Experiment.build(pattern="2:4", target=target))
    assert torch.allclose(pruned.forward(site, torch.zeros(1, site.d_in))[0], site.bias)


def test_a_transposed_layer_is_a_site_too() -> None:
    config = GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=2, n_positions=64)
    model = GPT2LMHeadModel(config).requires_grad_(False)
    sites = find_sites(model)
    names = ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"]
    assert [s.projection for s in sites[:4]] == names
    assert (sites[0].d_in, sites[0].d_out) == (32, 96)
    x = torch.randn(3, 32)
    assert torch.allclose(sites[0].dense(x), sites[0].module(x), atol=1e-6)
    pruned = at_all_sites(model, Experiment(pattern="4:4"))
    assert torch.allclose(pruned.forward(sites[0], x), sites[0].module(x), atol=1e-6)
