"""Writes tiny GGUF files by gguf's own writer."""

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import gguf
from torch import Tensor

Tensors = Mapping[str, Tensor]


def write(
    path: Path,
    source: Path,
    tensors: Tensors,
    *,
    kind: str = "llama",
    blocks: int = 3,
    kv_heads: int | list[int] = 2,
    head: Callable[[gguf.GGUFWriter], None] = lambda writer: None,
    own: Tensors | None = None,
    packed: Collection[str] = (),
    tokenizer_model: str = "gpt2",
) -> Path:
    """A GGUF file of the tiny model's sizes with its vocabulary: tensors by transformers' names,
    `own` by gguf's, of which those that are `packed` are stored in 8 bits."""
    tokenizer = json.loads((source / "tokenizer.json").read_text())["model"]
    writer = gguf.GGUFWriter(path, kind)
    writer.add_context_length(512)
    writer.add_embedding_length(64)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(128)
    writer.add_head_count(4)
    writer.add_head_count_kv(kv_heads)  # type: ignore[arg-type]
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_token_list(sorted(tokenizer["vocab"], key=tokenizer["vocab"].get))
    writer.add_token_types([3, *[1] * (len(tokenizer["vocab"]) - 1)])
    writer.add_eos_token_id(0)
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["merges"]])
    writer.add_tokenizer_model(tokenizer_model)
    head(writer)
    (architecture,) = (key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == kind)
    names = gguf.get_tensor_name_map(architecture, blocks)
    for name, tensor in tensors.items():
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), tensor.numpy())
    for name, tensor in (own or {}).items():
        if name in packed:
            rows = gguf.quants.quantize(tensor.numpy(), gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, rows, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
