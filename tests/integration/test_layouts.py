"""How checkpoints of different kinds hold their tensors, and that none is taken for missing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from kinds import GROUPED, make_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    DeepseekV3Config,
    DeepseekV4Config,
    GraniteMoeConfig,
    MixtralConfig,
    Phi3Config,
    PreTrainedConfig,
    Qwen3MoeConfig,
    Qwen4ExpTextConfig,
)

from nmviz.base.errors import UserError
from nmviz.engine.load import loading, tensors

SMALL = {**GROUPED, "hidden_size": 32, "intermediate_size": 16, "num_hidden_layers": 2}
ENDS = {"vocab_size": 64, "bos_token_id": None, "eos_token_id": 0, "pad_token_id": 0}
LATENT = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4}
CONFIGS: dict[str, PreTrainedConfig] = {
    "mixtral": MixtralConfig(**SMALL, **ENDS, num_local_experts=4),
    "qwen3_moe": Qwen3MoeConfig(**SMALL, **ENDS, num_experts=4, moe_intermediate_size=16),
    "deepseek_v3": DeepseekV3Config(
        **SMALL,
        **ENDS,
        **LATENT,
        v_head_dim=8,
        n_routed_experts=4,
        n_group=1,
        topk_group=1,
        num_experts_per_tok=2,
        moe_intermediate_size=16,
        first_k_dense_replace=1,
    ),
    "granitemoe": GraniteMoeConfig(**SMALL, **ENDS, num_local_experts=4),
    "phi3": Phi3Config(**SMALL, **ENDS),
    "qwen4_exp_text": Qwen4ExpTextConfig(  # a conversion of its looks into the tensors
        **{**SMALL, **ENDS, "bos_token_id": 0},
        head_dim=8,
        layer_types=["linear_attention", "indexed_attention"],
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        linear_num_key_heads=2,
        linear_num_value_heads=2,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=16,
        num_experts=4,
        num_experts_per_tok=2,
        indexer_n_heads=2,
        indexer_kv_heads=1,
        indexer_head_dim=8,
        indexer_budget=8,
        indexer_compress_ratio=4,
        ple_layer_ids=[1],
        ple_embed_dim=32,
        heads_per_ngram=2,
        ngram_vocab_size_base=64,
        make_ngram_vocab_size_divisible_by=8,
        split_ngram_parts=4,
    ),
}


def save(folder: Path, config: PreTrainedConfig, as_published: bool) -> dict[str, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder, save_original_format=as_published)
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def check_same(folder: Path, state: dict[str, Tensor]) -> None:
    model, said = loading.load_model(folder, str(folder))
    assert said == {}
    found: dict[str, Any] = model.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("as_published", [True, False], ids=["published", "own names"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_every_tensor_is_read_in_either_layout(
    tmp_path: Path, kind: str, as_published: bool
) -> None:
    check_same(tmp_path, save(tmp_path, CONFIGS[kind], as_published))


def test_experts_lie_apart_as_published_and_one_that_is_missing_is_refused(tmp_path: Path) -> None:
    save(tmp_path, CONFIGS["mixtral"], as_published=True)
    held = load_file(tmp_path / "model.safetensors")
    del held["model.layers.1.block_sparse_moe.experts.2.w2.weight"]
    save_file(held, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError) as refusal:
        loading.load_model(tmp_path, str(tmp_path))
    assert "model.layers.1.mlp.experts.down_proj" in str(refusal.value)


def test_gpt_2_without_its_first_name_and_with_its_masks_as_on_the_hub(tmp_path: Path) -> None:
    model = make_model("gpt2", 64, end=None)
    model.save_pretrained(tmp_path)
    held = load_file(tmp_path / "model.safetensors")
    bare = {name.removeprefix("transformer."): tensor for name, tensor in held.items()}
    assert "h.0.attn.c_attn.weight" in bare
    bare["h.0.attn.bias"] = torch.ones(1, 1, 128, 128).tril()
    save_file(bare, tmp_path / "model.safetensors", metadata={"format": "pt"})
    check_same(tmp_path, model.state_dict())


def test_a_table_of_integers_that_is_the_models_is_no_packed_weight(tmp_path: Path) -> None:
    """DeepSeek-V4's experts of each token lie in its files under another name than in the model."""
    kinds = ["heavily_compressed_attention", "compressed_sparse_attention", "sliding_attention"]
    config = DeepseekV4Config(
        **{**SMALL, "num_hidden_layers": 3, "num_key_value_heads": 1},
        **ENDS,
        layer_types=kinds,
        mlp_layer_types=["hash_moe", "moe", "moe"],
        compress_rates={"compressed_sparse_attention": 4, "heavily_compressed_attention": 8},
        head_dim=8,
        q_lora_rank=8,
        o_lora_rank=8,
        o_groups=2,
        moe_intermediate_size=16,
        n_routed_experts=4,
        num_experts_per_tok=2,
        index_head_dim=8,
        index_n_heads=2,
    )
    save(tmp_path, config, as_published=True)
    stored = tensors.heads(tmp_path, "")
    assert stored["model.layers.0.ffn.gate.tid2eid"].dtype == "I64"
    assert tensors.compare(config, stored, tmp_path, "") == ({}, {})
    scarce = {**stored, "model.layers.0.attn_norm.weight": tensors.Head("I64", (32,))}
    with pytest.raises(UserError, match=r"quantised \(.* is I64\)"):
        tensors.compare(config, scarce, tmp_path, "")


def test_a_count_that_is_not_read_is_named(tmp_path: Path) -> None:
    model = make_model("gpt2", 64, end=None)
    model.transformer.register_buffer("batches", torch.arange(4))
    model.save_pretrained(tmp_path)
    _, said = loading.load_model(tmp_path, str(tmp_path))
    assert said == {"unread tensors": "transformer.batches"}
