"""Experts of a mixture are sites: each found, pruned on the tokens that it gets, and restored."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pruning import WINDOW, nothing, prune
from tiny import PARAGRAPHS, make_tokenizer
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    DeepseekV3Config,
    GptOssConfig,
    JetMoeConfig,
    Llama4TextConfig,
    MixtralConfig,
)

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.cli.printing import run_json
from nmviz.core.experiment import Experiment
from nmviz.core.site_errors import SiteError, pooled
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load import loading
from nmviz.engine.load.coverage import everything
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.scope import choose
from nmviz.engine.load.sites import Site, find_site, find_sites
from nmviz.engine.load.tokens import encode
from nmviz.engine.look.capture import make_capture
from nmviz.engine.measure.evaluate import logits
from nmviz.engine.measure.runner import Run
from nmviz.engine.prune.sparsify import replaced
from nmviz.engine.write.bytes_read import dense_bytes
from nmviz.sources.models import ModelInfo
from nmviz.ui.explore.panels.every_method import in_scope
from nmviz.ui.shell.limits import settle
from nmviz.ui.shell.view import View

EXPERTS = 4
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
MIXTURES: dict[str, Callable[..., Any]] = {
    "mixtral": lambda **own: MixtralConfig(**SIZES, num_local_experts=EXPERTS, **own),
    "gpt-oss": lambda **own: GptOssConfig(
        **SIZES, head_dim=16, num_local_experts=EXPERTS, num_experts_per_tok=2, **own
    ),
    "llama4": lambda **own: Llama4TextConfig(
        **SIZES, head_dim=16, num_local_experts=EXPERTS, intermediate_size_mlp=128, **own
    ),
}
FIRST_D_IN = ("gpt-oss", "llama4")  # how they keep [d_in, d_out]; Mixtral keeps [d_out, d_in]


def make_mixture(kind: str) -> LoadedModel:
    tokenizer = make_tokenizer()
    end = tokenizer.eos_token_id
    special = {"bos_token_id": None, "eos_token_id": end, "pad_token_id": end}
    config = MIXTURES[kind](vocab_size=len(tokenizer), initializer_range=0.2, **special)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, experts_implementation="eager")
        for name, parameter in model.named_parameters():
            if "bias" in name:
                torch.nn.init.normal_(parameter, std=0.5)
    info = ModelInfo(kind, kind, "", "", blocks=2, projections=(), context=128)
    model = model.eval().requires_grad_(False)
    return LoadedModel(info, model, tokenizer, sha256=kind, device="cpu")


@pytest.fixture(scope="module", params=MIXTURES)
def loaded(request: pytest.FixtureRequest) -> LoadedModel:
    return make_mixture(request.param)


pytestmark = pytest.mark.usefixtures("paragraphs_calibrate")


@pytest.fixture
def ids(loaded: LoadedModel) -> Tensor:
    return encode(loaded, PARAGRAPHS[0])[:WINDOW]


def experts_of(loaded: LoadedModel, block: int = 0) -> Any:
    """The module that keeps a block's experts."""
    name = next(site.name for site in find_sites(loaded.model) if site.is_expert)
    path = name.split(".experts.")[0].replace(".0.", f".{block}.", 1)
    return loaded.model.get_submodule(f"{path}.experts")


def test_every_expert_is_a_site_under_its_number(loaded: LoadedModel) -> None:
    sites = [site for site in find_sites(loaded.model) if site.is_expert]
    assert len(sites) == 2 * 2 * EXPERTS  # blocks, projections
    assert {site.projection for site in sites} == {"gate_up_proj", "down_proj"}
    module = experts_of(loaded)
    for site in sites[: 2 * EXPERTS]:
        _, number, parameter = site.name.rsplit(".", 2)
        matrix = getattr(module, parameter)[int(number)]
        matrix = matrix.T if loaded.info.id in FIRST_D_IN else matrix
        assert torch.equal(site.weight, matrix)


def by_hand(loaded: LoadedModel, x: Tensor, experts: Any, keep: bool) -> Tensor:
    """What experts give for x [tokens, d_model] when every token goes to expert 2 alone, the inputs
    of both products under 2:4 where `keep` is not set."""

    def cut(given: Tensor) -> Tensor:
        groups = given.unflatten(-1, (-1, 4))
        order = groups.abs().sort(dim=-1, descending=True, stable=True).indices[..., :2]
        mask = torch.zeros_like(groups).scatter(-1, order, 1.0)
        return given if keep else (groups * mask).flatten(-2)

    first, second = experts.gate_up_proj[2], experts.down_proj[2]
    first, second = (m if loaded.info.id in FIRST_D_IN else m.T for m in (first, second))
    if loaded.info.id == "gpt-oss":
        inner = experts._apply_gate(cut(x) @ first + experts.gate_up_proj_bias[2])
        return cut(inner) @ second + experts.down_proj_bias[2]
    gate, up = (cut(x) @ first).chunk(2, -1)
    return cut(experts.act_fn(gate) * up) @ second


@pytest.mark.parametrize("keep", [True, False])
def test_an_expert_is_pruned_as_by_hand(loaded: LoadedModel, keep: bool) -> None:
    if loaded.info.id == "llama4":
        pytest.skip("its experts take all tokens at once: compared below")
    x, module = torch.randn(5, 64), experts_of(loaded)
    chosen, share = torch.full((5, 1), 2), torch.ones(5, 1)
    find_sites(loaded.model)
    with prune(loaded, pattern="4:4" if keep else "2:4"):
        y = module(x, chosen, share)
    assert torch.allclose(y, by_hand(loaded, x, module, keep), atol=1e-4)


def test_experts_that_are_given_zeros_for_others_see_their_own_tokens() -> None:
    """Llama 4 multiplies all tokens with all experts, those of others as zeros."""
    loaded = make_mixture("llama4")
    module, x = experts_of(loaded), torch.zeros(EXPERTS, 6, 64)
    x[2, :3] = torch.randn(3, 64)
    seen: dict[str, int] = {}

    def forward(site: Site) -> Callable[[Tensor], Tensor]:
        def multiply(given: Tensor) -> Tensor:
            seen[site.name] = given.shape[:-1].numel()
            return site.dense(given)

        return multiply

    sites = [site for site in find_sites(loaded.model) if site.is_expert and site.block == 0]
    dense = module(x.flatten(0, 1))
    with replaced({site: forward(site) for site in sites}):
        assert torch.allclose(module(x.flatten(0, 1)), dense, atol=1e-5)
    assert {name.split("experts.")[1]: count for name, count in seen.items()} == {
        "2.gate_up_proj": 3,
        "2.down_proj": 3,
    }
    with prune(loaded, pattern="2:4"):
        cut = module(x.flatten(0, 1)).view(EXPERTS, 6, 64)
    assert torch.allclose(cut[2, :3], by_hand(loaded, x[2, :3], module, False), atol=1e-4)
    assert not cut[0].any() and not cut[2, 3:].any()


@pytest.mark.parametrize("target", ["activation", "weight"])
def test_keeping_everything_is_dense_and_pruning_is_undone(
    loaded: LoadedModel, ids: Tensor, target: str
) -> None:
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    dense = logits(loaded, ids)
    with prune(loaded, pattern="4:4", target=target):
        assert torch.allclose(logits(loaded, ids), dense, atol=1e-3)
    with prune(loaded, pattern="2:4", target=target, projections=("gate_up_proj",)):
        assert (logits(loaded, ids) - dense).abs().max() > 0.01
    assert torch.equal(logits(loaded, ids), dense)
    assert all(torch.equal(before[n], t) for n, t in loaded.model.state_dict().items())


def test_target_weight_prunes_each_matrix_along_its_inputs(loaded: LoadedModel) -> None:
    """2 of every 4 weights of an output are kept, however the matrix lies in memory."""
    chosen = Experiment(pattern="2:4", target="weight")
    pruned = bind(loaded, chosen, nothing).pruned
    for site in [site for site in pruned.sites if site.is_expert]:
        mask = pruned.masked(site, torch.randn(1, site.d_in)).mask
        assert mask.shape == (site.d_out, site.d_in)
        assert bool((mask.unflatten(1, (-1, 4)).sum(-1) == 2).all())


def test_routers_are_no_sites_of_all_but_can_be_named(loaded: LoadedModel) -> None:
    sites = find_sites(loaded.model)
    routers = [site for site in sites if site.is_router]
    assert len(routers) == 2
    assert not set(routers) & set(choose(sites, Experiment(pattern="2:4")))
    asked = Experiment(pattern="2:4", projections=("router",))
    assert choose(sites, asked) == routers
    experts = Experiment(pattern="2:4", projections=("experts",))
    assert choose(sites, experts) == [site for site in sites if site.is_expert]


def test_coverage_names_routers_and_what_is_left_dense(loaded: LoadedModel) -> None:
    covered = everything(loaded.model)
    assert (covered.parameters, covered.multiply_adds, covered.left_dense) == (1, 1, ())
    assert len(covered.routers) == 1 and 0 < covered.routers[0].share < 0.01
    bound = bind(loaded, Experiment(pattern="2:4", projections=("experts",)), nothing)
    sites = [site for site in find_sites(loaded.model) if not site.is_router]
    inside = sum(site.weight.numel() for site in sites if site.is_expert)
    whole = sum(site.weight.numel() for site in sites)
    assert bound.coverage.parameters == pytest.approx(inside / whole)
    assert {left.reason for left in bound.coverage.left_dense} == {"outside the scope"}
    # two of four experts are active a token, in Llama 4 one, so that less of the work is theirs
    active = 1 if loaded.info.id == "llama4" else 2
    of_experts = inside * active / EXPERTS
    expected = of_experts / (of_experts + whole - inside)
    assert bound.coverage.multiply_adds == pytest.approx(expected, rel=0.02)


def test_what_m_does_not_divide_is_left_out_of_all_and_refused_by_name(
    loaded: LoadedModel,
) -> None:
    """d_in is 64, 128 in `down_proj`; 4:96 fits none of them, 16:128 the last alone."""
    sites = find_sites(loaded.model)
    chosen = choose(sites, Experiment(pattern="16:128"))
    assert {site.d_in for site in chosen} == {128}
    bound = bind(loaded, Experiment(pattern="16:128"), nothing)
    assert "its d_in of 64 is no multiple of 128" in {x.reason for x in bound.coverage.left_dense}
    with pytest.raises(UserError, match="Pattern 16:128 does not fit"):
        choose(sites, Experiment(pattern="16:128", projections=("gate_up_proj",)))


def test_a_run_says_what_each_expert_was_given(loaded: LoadedModel) -> None:
    one = Experiment.build(
        pattern="2:4", target="weight", criterion="wanda", window=WINDOW, tokens=128,
        calibration_windows=3,
    )  # fmt: skip
    *_, last = Run(loaded, [one], "\n\n".join(PARAGRAPHS))
    result = last.results[0]
    told = run_json(result)["sites"]
    given = [site["tokens"] for site in told if ".experts.0.gate_up_proj" in site["name"]]
    assert all(given)
    for block in range(2):
        each = [s for s in told if f"layers.{block}." in s["name"] and "experts" in s["name"]]
        tokens = sum(s["tokens"] for s in each if s["name"].endswith("gate_up_proj"))
        assert tokens == 128 * (1 if loaded.info.id == "llama4" else 2)
        calibrated = sum(s["calibration_tokens"] for s in each if s["name"].endswith("down_proj"))
        assert calibrated == 3 * WINDOW * (1 if loaded.info.id == "llama4" else 2)
    pooled_names = [(site.block, site.projection) for site in result.layers]
    assert len(pooled_names) == len(set(pooled_names))


def test_pooled_errors_add_squares() -> None:
    """sqrt((0.1^2 x 4 + 0.3^2 x 16) / 20), and the share kept by tokens."""
    several = [
        SiteError(name=f"m.experts.{n}.down_proj", block=0, projection="down_proj", kept=kept,
                  rel_error=error, square=square, tokens=tokens)
        for n, (error, square, tokens, kept) in enumerate([(0.1, 4, 1, 0.2), (0.3, 16, 3, 0.6)])
    ]  # fmt: skip
    other = SiteError(name="m.q_proj", block=0, projection="q", rel_error=0.2, kept=0.5)
    alone, both = pooled([other, *several])
    assert alone == other
    assert both.rel_error == pytest.approx(((0.04 + 1.44) / 20) ** 0.5)
    assert both.kept == pytest.approx(0.5) and (both.tokens, both.square) == (4, 20)


def test_pooled_errors_from_a_sample_pool_their_uncertainty() -> None:
    """R = sum r_i^2 S_i / sum S_i, of which each part is 2 r_i s_i S_i / sum S_i uncertain."""
    several = [
        SiteError(name=f"m.experts.{n}.up", block=0, projection="up", kept=0.5, rel_error=error,
                  stderr=stderr, n=drawn, square=square, tokens=4)
        for n, (error, stderr, drawn, square) in enumerate([(0.1, 0.02, 3, 4), (0.3, 0.01, 5, 16)])
    ]  # fmt: skip
    (both,) = pooled(several)
    parts = (2 * 0.1 * 0.02 * 4 / 20) ** 2 + (2 * 0.3 * 0.01 * 16 / 20) ** 2
    assert both.stderr == pytest.approx(parts**0.5 / (2 * both.rel_error))
    assert both.n == 8


def test_an_expert_without_tokens_stays_dense_and_is_named() -> None:
    """The router's scores of expert 3 are made the lowest of all, whatever the token."""
    loaded = make_mixture("mixtral")
    for block in loaded.model.model.layers:
        block.mlp.gate.register_forward_pre_hook(
            lambda _, args: (torch.cat([args[0][..., :-1].abs(), args[0][..., -1:]], -1),)
        )
        block.mlp.gate.weight.copy_(torch.tensor([3.0, 2.0, 1.0, -1.0])[:, None].expand(-1, 64))
    wanda = Experiment.build(
        pattern="2:4", target="weight", criterion="wanda", window=WINDOW, tokens=64,
        calibration_windows=2,
    )  # fmt: skip
    bound = bind(loaded, wanda, nothing)
    idle = {name for name, tokens in bound.given.items() if not tokens}
    assert {f"model.layers.{n}.mlp.experts.3.down_proj" for n in range(2)} <= idle
    assert not idle & {site.name for site in bound.pruned.sites}
    left = {one.name: one.reason for one in bound.coverage.left_dense}
    assert left["mlp.experts.down_proj"] == "no token of the calibration text was routed to it"


def test_a_prompt_that_gives_an_expert_nothing_says_so(loaded: LoadedModel) -> None:
    capture = make_capture(loaded, "a")
    sites = [site for site in find_sites(loaded.model) if site.is_expert and site.block == 0]
    without = [site for site in sites if site.name not in capture.inputs]
    assert without
    with pytest.raises(UserError, match="No token of the prompt is routed to"):
        capture.of(without[0])


def test_one_expert_can_be_looked_at_by_its_number(loaded: LoadedModel) -> None:
    assert find_site(loaded.model, 1, "experts.2.down_proj").name.endswith("experts.2.down_proj")
    assert find_site(loaded.model, 1, "down_proj").name.endswith("experts.0.down_proj")


def test_a_token_reads_the_experts_it_is_routed_to(loaded: LoadedModel) -> None:
    sites = [site for site in find_sites(loaded.model) if not site.is_router]
    of_experts = sum(site.weight.nbytes for site in sites if site.is_expert)
    rest = sum(site.weight.nbytes for site in sites if not site.is_expert)
    active = 1 if loaded.info.id == "llama4" else 2
    head = loaded.model.get_output_embeddings().weight.nbytes
    expected = head + rest + of_experts * active / EXPERTS
    assert dense_bytes(loaded) == pytest.approx(expected, rel=0.02)


def test_the_layers_are_told_without_weights_as_with_them(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    info = service.describe(str(folder))
    sites = [site for site in find_sites(loaded.model) if not site.is_router]
    assert list(info.projections) == list(dict.fromkeys(site.projection for site in sites))
    assert list(info.experts) == ["gate_up_proj", "down_proj"] and len(info.routers) == 1
    assert info.coverage is not None and info.coverage["multiply_adds"] == 1
    again = loading.load(str(folder))
    assert [site.name for site in find_sites(again.model)] == [
        site.name for site in find_sites(loaded.model)
    ]
    loading.forget()


@pytest.mark.parametrize("config", [JetMoeConfig, DeepseekV3Config])
def test_mixtures_of_other_builds_are_covered_too(config: Any) -> None:
    """JetMoE splits its tokens itself; DeepSeek's first block has no experts."""
    own = {
        JetMoeConfig: {"kv_channels": 16, "num_local_experts": EXPERTS},
        DeepseekV3Config: {
            "n_routed_experts": EXPERTS, "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1,
            "first_k_dense_replace": 1, "q_lora_rank": 32, "kv_lora_rank": 32,
            "qk_nope_head_dim": 16, "qk_rope_head_dim": 16, "v_head_dim": 16,
            "moe_intermediate_size": 64,
        },
    }  # fmt: skip
    sizes = {**SIZES, "num_key_value_heads": 4 if config is DeepseekV3Config else 2}
    model = AutoModelForCausalLM.from_config(
        config(vocab_size=64, **sizes, **own[config]), experts_implementation="eager"
    ).eval()
    covered = everything(model)
    assert (covered.parameters, covered.left_dense) == (1, ())
    assert covered.routers


def test_the_budget_of_a_mixture_counts_active_experts(loaded: LoadedModel, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    sites = [site for site in find_sites(loaded.model) if site.is_expert]
    active = 1 if loaded.info.id == "llama4" else 2
    one = Experiment.build(model=str(folder), pattern="2:4", projections="experts")
    spent = service.budget_of(one)
    assert spent is not None
    assert spent.dense == sum(site.weight.numel() for site in sites) * active / EXPERTS


def test_the_page_shows_one_expert_and_rings_its_projection(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    monkeypatch.setenv("NMVIZ_MODELS", str(folder))
    view = View.build({"model": str(folder), "projection": "down_proj", "projections": "experts"})
    shown = settle(view).look.projection
    info = service.describe(str(folder))
    assert shown == "experts.0.down_proj" and shown in info.layers
    assert info.pooled(shown) == "down_proj" and in_scope(settle(view))
    assert "down_proj" not in info.layers and "q" in info.layers
    with pytest.raises(UserError, match=r"no projection .experts\.9\.down_proj"):
        settle(View.build({"model": str(folder), "projection": "experts.9.down_proj"}))
