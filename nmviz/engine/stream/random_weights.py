"""A model of random weights written to disk a block at a time, to measure large models with."""

import json
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import LlamaConfig

from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.configs import empty
from nmviz.engine.load.loading import load_tokenizer, quiet
from nmviz.engine.stream.opening import folder_of
from nmviz.sources.hub import INDEX

BILLION = {
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_hidden_layers": 22,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
}
"""About 1.1 billion parameters, with a vocabulary of 50,000."""
SEVEN_BILLION = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 4096,
}
"""The shape of Llama 2 7B: 6.5 billion parameters beside embedding and head."""
SPREAD = 0.02


def write_random(folder: Path, tokenizer_of: str, shape: Mapping[str, int]) -> int:
    """Put a Llama of that shape with weights in bf16, drawn from the seed 0, into the folder, a
    file a block, with the tokenizer of another model, converted before where it is a GGUF file;
    how many parameters it has."""
    place = folder_of(tokenizer_of)
    assert place is not None  # converted before
    tokenizer = load_tokenizer(place, tokenizer_of)
    tokenizer.save_pretrained(folder)
    about: dict[str, Any] = dict(shape)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        architectures=["LlamaForCausalLM"],
        dtype="bfloat16",
        **about,
    )
    config.save_pretrained(folder)
    with quiet():
        model = empty(config, str(folder))
    paths, _ = find_blocks(model)
    generator, count = torch.Generator().manual_seed(0), 0
    where: dict[str, str] = {}

    def block_of(entry: tuple[str, Tensor]) -> str:
        return next((path for path in paths if entry[0].startswith(f"{path}.")), "")

    for number, (_, entries) in enumerate(groupby(model.state_dict().items(), block_of)):
        made = {name: _drawn(like.shape, generator) for name, like in entries}
        file = f"model-{number:05}.safetensors"
        save_file(made, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(made, file)
        count += sum(one.numel() for one in made.values())
    index = {"metadata": {"total_size": 2 * count}, "weight_map": where}
    (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")
    return count


def _drawn(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """A matrix of normal numbers, or ones for a norm."""
    if len(shape) == 1:
        return torch.ones(shape, dtype=torch.bfloat16)
    return torch.randn(shape, generator=generator, dtype=torch.bfloat16) * SPREAD
