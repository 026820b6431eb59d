"""Shapes read from configs, against the parameters that transformers makes of the same configs."""

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from nmviz.hardware.families import FAMILIES, decoder

SIZES: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 4},
    "mistral": {},
    "qwen2": {"num_key_value_heads": 8},
    "qwen3": {"num_attention_heads": 16, "num_key_value_heads": 8, "hidden_size": 1024},
    "gemma": {},
    "gemma2": {},
    "gemma3_text": {},
    "smollm3": {},
    "olmo2": {},
    "granite": {},
    "phi3": {},
    "bitnet": {},
    "mixtral": {"hidden_size": 512, "intermediate_size": 256, "num_local_experts": 4},
    "olmoe": {"num_experts": 8},
    "qwen2_moe": {"num_experts": 6, "mlp_only_layers": [1]},
    "qwen3_moe": {"num_experts": 12, "decoder_sparse_step": 2},
    "gpt2": {},
    "opt": {},
    "gpt_neox": {},
}
"""What is set beside two blocks; all else is the architecture's default."""


def built(kind: str) -> tuple[Any, torch.nn.Module]:
    """A config and its model on the meta device: no weights are made."""
    count = "n_layer" if kind == "gpt2" else "num_hidden_layers"
    config = AutoConfig.for_model(kind, **{count: 2}, **SIZES[kind])
    with torch.device("meta"):
        return config, AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize("kind", SIZES)
def test_parameters_are_those_of_transformers(kind: str) -> None:
    config, model = built(kind)
    one = decoder(config.to_dict(), kind, kind, "here")
    matrices = {name: p for name, p in model.named_parameters() if p.dim() > 1}
    inside = sum(p.numel() for name, p in matrices.items() if ".0." in name or ".1." in name)
    assert one.block_parameters == inside
    vectors = sum(p.numel() for p in model.parameters() if p.dim() == 1)
    head = 0 if one.tied else one.head.size
    assert one.block_parameters + one.embedding_parameters + head + vectors == (
        model.num_parameters()
    )


def test_every_architecture_is_compared() -> None:
    assert SIZES.keys() == FAMILIES.keys()
    assert len(SIZES) >= 10


@pytest.mark.parametrize("kind", ["gemma2", "gemma3_text", "mistral", "qwen2"])
def test_windows_are_those_of_transformers(kind: str) -> None:
    config = AutoConfig.for_model(kind, num_hidden_layers=12)
    told = config.to_dict()
    wanted = [getattr(config, "sliding_window", None)] * 12
    if kinds := getattr(config, "layer_types", None):
        wanted = [config.sliding_window if one == "sliding_attention" else None for one in kinds]
    for without in ((), ("layer_types",)):
        left = {name: value for name, value in told.items() if name not in without}
        blocks = decoder(left, kind, kind, "here").blocks
        assert [block.attention.window for block in blocks] == wanted


def test_what_a_config_of_gemma_3_leaves_out_is_its_default() -> None:
    """As the hub has it: sizes of the text part in which the rest is left out."""
    text = {
        "model_type": "gemma3_text",
        "hidden_size": 2560,
        "intermediate_size": 10_240,
        "num_hidden_layers": 34,
        "sliding_window": 1024,
    }
    one = decoder({"model_type": "gemma3", "text_config": text}, "x", "X", "here")
    assert (one.vocabulary, one.tied) == (262_208, True)
    assert one.block_parameters == 34 * (2 * 2560 * 2048 + 2 * 2560 * 1024 + 3 * 2560 * 10_240)
