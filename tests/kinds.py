"""Tiny random models of several architectures, made in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tiny import make_tokenizer
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    OPTConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

LLAMA_LIKE = ["q", "k", "v", "o", "gate", "up", "down"]
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "max_position_embeddings": 128,
}
GROUPED = {**SIZES, "num_key_value_heads": 2}


@dataclass(frozen=True)
class Kind:
    """An architecture: its config, the projections of a block and those that have a bias."""

    config: Callable[..., PreTrainedConfig]
    settings: dict[str, Any]
    projections: list[str]
    biased: list[str]


KINDS = {
    "llama": Kind(LlamaConfig, GROUPED, LLAMA_LIKE, []),
    "qwen2": Kind(Qwen2Config, GROUPED, LLAMA_LIKE, ["q", "k", "v"]),
    "qwen3": Kind(Qwen3Config, {**GROUPED, "head_dim": 32}, LLAMA_LIKE, []),
    "gemma3": Kind(
        Gemma3TextConfig,
        {
            **GROUPED,
            "head_dim": 32,
            "query_pre_attn_scalar": 32,
            "sliding_window": 8,  # shorter than a window, so that the two kinds of layer differ
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
        LLAMA_LIKE,
        [],
    ),
    "gpt2": Kind(
        GPT2Config,
        {"n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 128},
        ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"],
        ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"],
    ),
    "opt": Kind(  # flattens the windows of a pass before fc1
        OPTConfig,
        {
            **{name: size for name, size in SIZES.items() if name != "intermediate_size"},
            "ffn_dim": 128,
            "word_embed_proj_dim": 64,
        },
        ["k", "v", "q", "out", "fc1", "fc2"],
        ["k", "v", "q", "out", "fc1", "fc2"],
    ),
    "gpt-neox": Kind(
        GPTNeoXConfig,
        SIZES,
        ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
        ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
    ),
}


def make_model(kind: str, vocabulary: int, end: int | None, attention: str = "sdpa") -> Any:
    """A random model whose weights are large enough that pruning shows, its biases random too."""
    special = {"bos_token_id": None, "eos_token_id": end, "pad_token_id": end}
    config = KINDS[kind].config(
        vocab_size=vocabulary, initializer_range=0.2, **special, **KINDS[kind].settings
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                nn.init.normal_(parameter, std=0.5)
    return model.eval().requires_grad_(False)


def save_model(kind: str, folder: Path) -> Path:
    """Write a random model of that kind with its tokenizer into `folder`; return it."""
    tokenizer = make_tokenizer()
    make_model(kind, len(tokenizer), tokenizer.eos_token_id).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
