"""Where a model without weights takes a tensor, and tensors out of a file into these places."""

from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

Place = tuple[dict[str, Any], str]
"""The parameters of a module, and the name of one of them there."""
Before = tuple[dict[str, Any], str, Any]
"""A place, and what was in it."""


class Stored:
    """A tensor in a file, read when it is moved."""

    def __init__(self, place: Any) -> None:
        self._place = place

    def __getitem__(self, _whole: object) -> "Stored":
        return self

    def to(self, device: object = None, dtype: torch.dtype | None = None) -> Tensor:
        tensor: Tensor = self._place[...]
        return tensor.to(dtype, copy=True)  # never a view of the file, which is closed


def places_of(model: nn.Module) -> dict[str, list[Place]]:
    """Every parameter of a model by its name, the first where several share it, with all places
    that hold it."""
    first: dict[int, str] = {}
    found: dict[str, list[Place]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        for key, one in module._parameters.items():
            if one is not None:
                name = first.setdefault(id(one), f"{path}.{key}" if path else key)
                found.setdefault(name, []).append((module._parameters, key))
    return found


def put(places: Sequence[Place], tensor: Tensor) -> list[Before]:
    """Give a tensor to its places; what was there before."""
    weight = nn.Parameter(tensor, requires_grad=False)
    before = [(tensors, key, tensors[key]) for tensors, key in places]
    for tensors, key in places:
        tensors[key] = weight
    return before


def stored(
    file: Path, names: Mapping[str, str], wanted: Container[str]
) -> Iterator[tuple[str, Tensor]]:
    """Those tensors of a safetensors file that are `wanted` by the names they have in the model, to
    which `names` leads from those on disk; in fp32."""
    with safe_open(file, "pt") as held:
        for on_disk in held.keys():  # noqa: SIM118 - no mapping
            name = names[on_disk]
            if name in wanted:
                yield name, Stored(held.get_slice(on_disk)).to(dtype=torch.float32)
