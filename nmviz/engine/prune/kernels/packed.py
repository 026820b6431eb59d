"""Masks as bits, an eighth of a byte an entry, and a weight under such a mask, compiled."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nmviz.engine.prune.kernels.compiling import compiled, in_parts

EIGHT = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
"""The eight entries of every byte, uint8 [256, 8], the first in the highest bit."""
SPREAD = -EIGHT.astype(np.int32)  # all bits of a float, or none
u = np.uint64


def as_bits(mask: Tensor) -> np.ndarray:
    """A mask of any shape as uint8, eight entries a byte; the last byte is filled with zeros."""
    return np.packbits(mask.flatten().cpu().numpy())


def from_bits(bits: np.ndarray, like: Tensor) -> Tensor:
    """The mask that `as_bits` was given, in the shape and on the device of `like`."""
    flat = np.unpackbits(bits, count=like.numel())
    return torch.from_numpy(flat).view(torch.bool).view(like.shape).to(like.device)


def under_bits(weight: Tensor, bits: np.ndarray) -> Tensor:
    """The weight, of any shape, with zeros where the mask that `as_bits` was given has them."""
    here = weight.device.type == "cpu" and weight.dtype == torch.float32
    if not (here and weight.is_contiguous()) or weight.numel() % 8:
        return torch.where(from_bits(bits, weight), weight, 0)
    made = torch.empty_like(weight)  # at an address that products are fastest from
    flat, out = weight.numpy().reshape(-1), made.numpy().reshape(-1)

    def part(first: int, last: int) -> bool:
        _under(flat.view(np.int32), bits, SPREAD, out.view(np.int32), u(first), u(last))
        return False

    in_parts(part, len(bits), flat.size)
    return made


@compiled
def _under(weight: Any, bits: Any, spread: Any, out: Any, first: Any, last: Any) -> None:
    for byte in range(first, last):
        at, chosen = byte * u(8), u(bits[byte])
        for lane in range(8):
            out[at + u(lane)] = weight[at + u(lane)] & spread[chosen, u(lane)]
