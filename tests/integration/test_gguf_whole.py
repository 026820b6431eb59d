"""GGUF files are read whole or refused: scalings of positions, missing tensors, mixtures."""

import math
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from damaging import refusal_of
from gguf_writing import Tensors, write
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, Lfm2Config, Qwen3MoeConfig

from nmviz.engine.load import loading
from nmviz.engine.load.sites import find_sites
from nmviz.engine.measure.evaluate import logits

IDS = torch.arange(3, 43)


pytestmark = pytest.mark.usefixtures("fresh_cache")


@pytest.fixture
def weights(tiny_model: Path) -> Tensors:
    return load_file(tiny_model / "model.safetensors")


def in_turns(tensors: Tensors) -> dict[str, Tensor]:
    """q and k as llama files have them: the two halves of every head in turns."""
    turned = dict(tensors)
    for name, tensor in tensors.items():
        for part, heads in (("q_proj", 4), ("k_proj", 2)):
            if part in name:
                halves = tensor.view(heads, 2, -1, tensor.shape[-1])
                turned[name] = halves.transpose(1, 2).reshape(tensor.shape).contiguous()
    return turned


def expected(source: Path, rope: dict[str, Any]) -> Tensor:
    """What transformers gives for the same weights with positions scaled as its own config says."""
    model: Any = AutoModelForCausalLM.from_pretrained(source)
    config = model.config
    config.rms_norm_eps = 1e-5  # as the head says
    config.rope_parameters = {**config.rope_parameters, **rope}
    again = type(model)(config).eval()
    again.load_state_dict(model.state_dict())
    with torch.no_grad():
        return again(input_ids=IDS[None]).logits[0]


def found(path: Path) -> Tensor:
    return logits(loading.load(str(path)), IDS)


def test_a_file_without_scaling_is_as_it_was(
    tmp_path: Path, tiny_model: Path, weights: Tensors
) -> None:
    path = write(tmp_path / "plain.gguf", tiny_model, in_turns(weights))
    assert torch.equal(found(path), expected(tiny_model, {}))


def test_llama_3s_factors_of_frequencies_are_applied(
    tmp_path: Path, tiny_model: Path, weights: Tensors
) -> None:
    """llama.cpp divides each frequency by its own number; for Llama 3.1 these are worked out from
    four settings, which transformers has as `llama3`."""
    rope = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64}  # fmt: skip
    factors = []
    for index in range(8):  # half of a head
        wave = 2 * math.pi * 10000 ** (2 * index / 16)
        smooth = (64 / wave - 1.0) / (4.0 - 1.0)
        factors.append(min(8.0, max(1.0, 1 / ((1 - smooth) / 8 + smooth))) if 0 < smooth < 1
                       else 8.0 if smooth <= 0 else 1.0)  # fmt: skip
    own = {"rope_freqs.weight": torch.tensor(factors)}
    path = write(tmp_path / "l3.gguf", tiny_model, in_turns(weights), own=own)
    wanted = expected(tiny_model, {"rope_type": "llama3", **rope})
    assert torch.allclose(found(path), wanted, atol=1e-4)
    assert not torch.allclose(wanted, expected(tiny_model, {}), atol=1e-2)


def test_a_linear_scaling_is_applied(tmp_path: Path, tiny_model: Path, weights: Tensors) -> None:
    def head(writer: gguf.GGUFWriter) -> None:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(4.0)

    path = write(tmp_path / "linear.gguf", tiny_model, in_turns(weights), head=head)
    assert torch.allclose(
        found(path), expected(tiny_model, {"rope_type": "linear", "factor": 4.0}), atol=1e-4
    )


def test_yarn_is_applied(tmp_path: Path, tiny_model: Path, weights: Tensors) -> None:
    def head(writer: gguf.GGUFWriter) -> None:
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(4.0)
        writer.add_rope_scaling_orig_ctx_len(128)

    path = write(tmp_path / "yarn.gguf", tiny_model, in_turns(weights), head=head)
    rope = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}
    assert torch.allclose(found(path), expected(tiny_model, rope), atol=1e-4)


def test_a_scaling_that_is_not_known_is_refused_by_its_name(
    tmp_path: Path, tiny_model: Path, weights: Tensors
) -> None:
    def head(writer: gguf.GGUFWriter) -> None:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        writer.add_rope_scaling_factor(4.0)

    path = write(tmp_path / "long.gguf", tiny_model, in_turns(weights), head=head)
    assert "scales its rotary positions (longrope)" in refusal_of(path)


def test_a_tensor_that_is_missing_is_refused(
    tmp_path: Path, tiny_model: Path, weights: Tensors
) -> None:
    some = {name: tensor for name, tensor in weights.items() if "layers.1.mlp.up" not in name}
    path = write(tmp_path / "less.gguf", tiny_model, in_turns(some))
    assert "lacks weights" in refusal_of(path)


def test_a_head_of_more_blocks_than_the_file_has_is_refused(
    tmp_path: Path, tiny_model: Path, weights: Tensors
) -> None:
    path = write(tmp_path / "more.gguf", tiny_model, in_turns(weights), blocks=400)
    assert "lacks weights" in refusal_of(path)


def test_a_tensor_that_is_not_read_is_named(
    tmp_path: Path, tiny_model: Path, weights: Tensors
) -> None:
    own = {"blk.0.attn_rot_embd.weight": torch.ones(4)}
    path = write(tmp_path / "extra.gguf", tiny_model, in_turns(weights), own=own)
    assert loading.load(str(path)).said == {"unread tensors": "blk.0.attn_rot_embd.weight"}


@pytest.fixture
def mixture(tiny_model: Path, tmp_path: Path) -> tuple[Any, dict[str, Tensor]]:
    """A tiny random Qwen3-MoE and its tensors by gguf's names."""
    words = len(AutoTokenizer.from_pretrained(tiny_model))
    config = Qwen3MoeConfig(
        vocab_size=words, hidden_size=64, intermediate_size=128, moe_intermediate_size=32,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
        num_experts=4, num_experts_per_tok=2, norm_topk_prob=True, rope_theta=10000.0,
        max_position_embeddings=512, initializer_range=0.2, rms_norm_eps=1e-5,
        tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, experts_implementation="eager").eval()
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3MOE, 2)
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        if name.endswith("gate_up_proj"):
            block = name.split(".")[2]
            gate, up = tensor.chunk(2, dim=1)
            tensors[f"blk.{block}.ffn_gate_exps.weight"] = gate.contiguous()
            tensors[f"blk.{block}.ffn_up_exps.weight"] = up.contiguous()
        elif name.endswith("experts.down_proj"):
            tensors[f"blk.{name.split('.')[2]}.ffn_down_exps.weight"] = tensor
        else:
            theirs = names.get_name(name, try_suffixes=(".weight",))
            assert theirs, name
            tensors[theirs] = tensor
    return model, tensors


def mixture_head(writer: gguf.GGUFWriter) -> None:
    writer.add_expert_count(4)
    writer.add_expert_used_count(2)
    writer.add_expert_feed_forward_length(32)
    writer.add_key_length(16)
    writer.add_value_length(16)


def test_a_mixture_is_read_whole(
    tmp_path: Path, tiny_model: Path, mixture: tuple[Any, dict[str, Tensor]]
) -> None:
    model, tensors = mixture
    path = write(tmp_path / "moe.gguf", tiny_model, {}, kind="qwen3moe", blocks=2,
                 head=mixture_head, own=tensors)  # fmt: skip
    loaded = loading.load(str(path))
    state = loaded.model.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert sum(site.is_expert for site in find_sites(loaded.model)) == 2 * 2 * 4


@pytest.mark.parametrize("part", ["gate", "up", "down"])
def test_a_mixture_without_some_of_its_experts_is_refused(
    tmp_path: Path, tiny_model: Path, mixture: tuple[Any, dict[str, Tensor]], part: str
) -> None:
    """transformers leaves zeros where one half of gate and up is missing."""
    tensors = dict(mixture[1])
    del tensors[f"blk.1.ffn_{part}_exps.weight"]
    path = write(tmp_path / "half.gguf", tiny_model, {}, kind="qwen3moe", blocks=2,
                 head=mixture_head, own=tensors)  # fmt: skip
    assert "lacks weights" in refusal_of(path)


LFM2 = {
    "model.embed_tokens": "token_embd", "model.embedding_norm": "token_embd_norm",
    "operator_norm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.out_proj": "attn_output",
    "self_attn.q_layernorm": "attn_q_norm", "self_attn.k_layernorm": "attn_k_norm",
    "feed_forward.w1": "ffn_gate", "feed_forward.w3": "ffn_up", "feed_forward.w2": "ffn_down",
    "conv.in_proj": "shortconv.in_proj", "conv.out_proj": "shortconv.out_proj",
    "conv.conv": "shortconv.conv", "model.layers": "blk",
}  # fmt: skip
"""What llama.cpp calls the parts of an LFM2, which transformers reads another way than llama."""


def test_what_is_left_packed_otherwise_is_dequantised(tmp_path: Path, tiny_model: Path) -> None:
    words = len(AutoTokenizer.from_pretrained(tiny_model))
    config = Lfm2Config(
        vocab_size=words, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, layer_types=["conv", "full_attention"],
        conv_L_cache=3, conv_bias=False, block_auto_adjust_ff_dim=False, tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    state = {name: t for name, t in model.state_dict().items() if name != "lm_head.weight"}
    own = {}
    for name, tensor in state.items():
        theirs = name
        for before, after in LFM2.items():
            theirs = theirs.replace(before, after)
        own[theirs] = tensor.squeeze(1) if "shortconv.conv" in theirs else tensor
    packed = {name for name in own if "ffn_" in name and own[name].dim() == 2}

    def head(writer: gguf.GGUFWriter) -> None:
        writer.add_shortconv_l_cache(3)

    path = write(tmp_path / "lfm2.gguf", tiny_model, {}, kind="lfm2", blocks=2, head=head,
                 kv_heads=[0, 2], own=own, packed=packed)  # fmt: skip
    loaded = loading.load(str(path))
    found = loaded.model.state_dict()
    assert all(tensor.dtype == torch.float32 for tensor in found.values())
    assert loaded.said["stored weights"] == "dequantised from Q8_0"
    for name, tensor in state.items():
        if "feed_forward.w" in name:
            rows = gguf.quants.quantize(tensor.numpy(), gguf.GGMLQuantizationType.Q8_0)
            tensor = torch.from_numpy(gguf.quants.dequantize(rows, gguf.GGMLQuantizationType.Q8_0))
        assert torch.equal(found[name], tensor), name
    assert len(find_sites(loaded.model)) == 5 + 7
