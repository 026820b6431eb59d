"""What a GGUF file holds, read the plain way: nothing of nmviz, and nothing of transformers."""

import struct
from pathlib import Path
from typing import Any, BinaryIO

import gguf
import numpy as np
import torch
from torch import Tensor

STRING, ARRAY = 8, 9
NUMBERS = dict(zip(range(8), "BbHhIif?", strict=True)) | {10: "Q", 11: "q", 12: "d"}
"""How struct writes each type of a value that is one number."""

Packed = tuple[gguf.GGMLQuantizationType, np.ndarray]
"""How the rows of a tensor are packed, and their bytes."""


class GgufFile:
    """Head and tensors of a file; a tensor is unpacked when it is asked for."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            magic, _, tensors, values = _take(file, "4sIQQ")
            assert magic == b"GGUF"
            self.head = {_string(file): _value(file, *_take(file, "I")) for _ in range(values)}
            places = {_string(file): _place(file) for _ in range(tensors)}
            data = -(-file.tell() // 32) * 32
        whole = np.memmap(path, np.uint8, "r")[data:]
        self.tensors = {name: _packed(whole, *place) for name, place in places.items()}
        self.kind = self.head["general.architecture"]
        (number,) = (key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == self.kind)
        self._names = gguf.get_tensor_name_map(number, self.head[f"{self.kind}.block_count"])

    def name(self, ours: str) -> str:
        """The tensor that a weight of a state dict lies in; a tied head lies in the embedding."""
        found = self._names.get_name(ours, try_suffixes=(".weight",))
        return found if found in self.tensors else {"lm_head.weight": "token_embd.weight"}[ours]

    def weight(self, ours: str, rows: int | None = None) -> Tensor:
        """A weight of a state dict, or its first rows, in fp32.

        In the file, the two halves of every head of Llama's q and k stand in turns, and Gemma's
        norms are larger by 1.
        """
        kind, packed = self.tensors[self.name(ours)]
        values = torch.from_numpy(gguf.dequantize(packed[:rows], kind).astype(np.float32))
        if self.kind == "gemma3" and "norm" in ours:
            values = values - 1
        told = {"q_proj": "head_count", "k_proj": "head_count_kv"}.get(ours.split(".")[-2])
        if self.kind == "llama" and told:
            heads, width = self.head[f"llama.attention.{told}"], values.shape[-1]
            values = values.view(heads, -1, 2, width).transpose(1, 2).reshape(-1, width)
        return values.squeeze(0)


def _take(file: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))


def _string(file: BinaryIO) -> str:
    return file.read(*_take(file, "Q")).decode()


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == STRING:
        return _string(file)
    if kind != ARRAY:
        return _take(file, NUMBERS[kind])[0]
    inner, count = _take(file, "IQ")
    if inner == STRING:
        return [_string(file) for _ in range(count)]
    return _take(file, f"{count}{NUMBERS[inner]}")


def _place(file: BinaryIO) -> tuple[tuple[int, ...], int, int]:
    (dimensions,) = _take(file, "I")
    return _take(file, f"{dimensions}Q"), *_take(file, "IQ")


def _packed(whole: np.ndarray, shape: tuple[int, ...], kind: int, start: int) -> Packed:
    packing = gguf.GGMLQuantizationType(kind)
    values, size = gguf.GGML_QUANT_SIZES[packing]
    width, rows = shape[0] // values * size, int(np.prod(shape[1:]))
    return packing, whole[start : start + width * rows].reshape(rows, width)
