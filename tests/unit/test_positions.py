"""How many tokens a model reads at once: tried on the model, which takes so many and no more."""

import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    BartConfig,
    BloomConfig,
    CodeGenConfig,
    GPT2Config,
    MptConfig,
    OPTConfig,
    PreTrainedConfig,
    ProphetNetConfig,
    RobertaConfig,
    WhisperConfig,
)

from nmviz.engine.load.positions import context_of
from nmviz.sources.model_info import from_config

COMMON = {"vocab_size": 32, "bos_token_id": 1, "eos_token_id": 2, "is_decoder": True}
TWO_SIDED = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
}
PLAIN = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
OLD = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 20}
KINDS: dict[str, tuple[PreTrainedConfig, int]] = {
    "gpt2": (GPT2Config(**COMMON, **OLD), 20),
    "codegen": (CodeGenConfig(**COMMON, **OLD, rotary_dim=4), 20),
    "mpt": (MptConfig(**COMMON, d_model=16, n_heads=2, n_layers=1, max_seq_len=20), 20),
    # rows from 2 on: that of padding is 1
    "roberta": (
        RobertaConfig(
            **COMMON, **PLAIN, intermediate_size=16, max_position_embeddings=20, pad_token_id=1
        ),
        18,
    ),
    # two rows more than its config says
    "opt": (
        OPTConfig(
            **COMMON, **PLAIN, ffn_dim=16, word_embed_proj_dim=16, max_position_embeddings=20
        ),
        20,
    ),
    "bart": (BartConfig(**COMMON, **TWO_SIDED, max_position_embeddings=20), 20),
    "whisper": (WhisperConfig(**COMMON, **TWO_SIDED, max_target_positions=20, pad_token_id=0), 20),
    "prophetnet": (
        ProphetNetConfig(
            **COMMON,
            hidden_size=16,
            num_decoder_layers=1,
            num_encoder_layers=1,
            num_decoder_attention_heads=2,
            num_encoder_attention_heads=2,
            decoder_ffn_dim=16,
            encoder_ffn_dim=16,
            max_position_embeddings=20,
            pad_token_id=0,
        ),
        18,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_reads_so_many_tokens_and_no_more(kind: str) -> None:
    config, most = KINDS[kind]
    model = AutoModelForCausalLM.from_config(config).eval()
    stated = from_config("", "", config.to_dict(), chat=False).context
    assert context_of(model, stated) == context_of(model, 0) == most
    with torch.no_grad():
        model(input_ids=torch.full((1, most), 5), use_cache=False)
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=torch.full((1, most + 1), 5), use_cache=False)


def test_a_model_without_positions_has_no_end_and_a_picture_has_none_of_its_own() -> None:
    model = AutoModelForCausalLM.from_config(
        BloomConfig(vocab_size=32, hidden_size=16, n_layer=1, n_head=2)
    )
    assert context_of(model, 0) == 0
    model.add_module("vision_tower", nn.ModuleDict({"position_embedding": nn.Embedding(4, 16)}))
    assert context_of(model, 64) == 64
