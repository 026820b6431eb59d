"""Masks on the CPU, compiled: the N largest of every M entries in one pass, with what goes with it.

`narrow` has the groups up to 64 wide, `wide` the others and whole tokens, `tokens` shifts and
variances. The plain torch path in `masking` is the reference that all of it is tested against.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from nmviz.engine.load.refusals import not_finite
from nmviz.engine.prune.kernels import whole
from nmviz.engine.prune.kernels.compiling import ALONE, in_parts
from nmviz.engine.prune.kernels.narrow import (
    LANES,
    NARROW,
    lanes_of,
    mask_narrow,
    prune_narrow,
    steps_of,
)
from nmviz.engine.prune.kernels.wide import mask_wide, prune_wide

BITS = {torch.float32: np.int32, torch.float64: np.int64}
u = np.uint64

__all__ = [
    "ALONE",
    "NARROW",
    "fits",
    "fits_scores",
    "keep_mask",
    "median",
    "prune",
    "repair",
    "token_pruner",
    "warm",
]


def fits(x: Tensor) -> bool:
    """Whether compiled code prunes this input."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0


def fits_scores(scores: Tensor) -> bool:
    """Whether compiled code makes a mask of these scores."""
    return scores.device.type == "cpu" and scores.dtype in BITS and scores.numel() > 0


def prune(x: Tensor, channel: Tensor | None, keep: int, group: int) -> Tensor:
    """x with all but the `keep` largest |x| * channel of every `group` entries set to zero.

    x float32 [..., d_in]; channel None, [d_in], or of x's shape, never negative. Ties go to the
    lower index. UserError for a score that is not a number.
    """
    return whole.prune(x, channel, keep, group)


def token_pruner(
    like: Tensor, channel: Tensor | None, keep: int, group: int
) -> Callable[[np.ndarray], np.ndarray]:
    """`prune` for one token [d_in] after another, with everything worked out once that does not
    change: half the time of a token of a small layer goes there. `like` is such a token."""
    width, bits = like.numel(), np.empty(0, np.int32)
    blocks = u(width // group)
    weights = np.ones(width, np.float32) if channel is None else channel.detach().float().numpy()
    line = np.resize(weights, width + lanes_of(group) * group)  # so that a tile reads on
    given = line, blocks, u(group), u(keep)
    steps = steps_of(group, keep) if group <= NARROW else None

    def prune_token(token: np.ndarray) -> np.ndarray:
        kept = np.empty_like(token)
        if steps is None:
            strange = prune_wide(token, *given, bits, kept, u(0), blocks)
        else:
            strange = prune_narrow(token, *given, steps, bits, kept, u(0), blocks)
        if strange:
            raise not_finite()
        return kept

    return prune_token


def repair(
    x: Tensor, channel: Tensor | None, keep: int, group: int, shift: Tensor | None, rescale: bool
) -> Tensor:
    """`prune` of x - shift; with `rescale` what is kept is scaled, each token by itself, to the
    variance of the shifted token; then the shift is put back. One pass over the memory.

    shift None, or a number a token [..., 1] or a channel [d_in] or one for all [1].
    """
    eta = x.new_zeros(1) if shift is None else shift.detach().to(x.dtype)
    own = eta[None] if eta.dim() == 1 else eta.flatten(0, -2)
    return whole.repair(x, channel, keep, group, own.contiguous(), rescale)


def keep_mask(scores: Tensor, keep: int, group: int) -> Tensor:
    """bool like scores [..., d_in]: the `keep` largest of every `group`, ties to the lower index.

    UserError for a score that is not a number.
    """
    flat = np.ascontiguousarray(scores.detach().numpy()).reshape(-1)
    out = np.empty(flat.size, np.bool_)
    bits = np.empty(0, BITS[scores.dtype])
    steps = steps_of(group, keep) if group <= NARROW else None

    def part(first: int, last: int) -> bool:
        if steps is None:
            return bool(mask_wide(flat, u(group), u(keep), bits, out, u(first), u(last)))
        return bool(mask_narrow(flat, u(group), u(keep), steps, bits, out, u(first), u(last)))

    in_parts(part, flat.size // group, flat.size, LANES)
    return torch.from_numpy(out).view(scores.shape)


def median(x: Tensor) -> Tensor:
    """The lower median of every token, [..., d_in] to [..., 1]; plain torch where nothing compiled
    fits or a gradient has to flow. UserError for what is not a number.
    """
    if not fits(x) or (torch.is_grad_enabled() and x.requires_grad):
        return x.median(-1, keepdim=True).values
    return whole.median(x)


def warm() -> None:
    """Compile for fp32, or read what an earlier process compiled, before anyone waits for it."""
    x = torch.linspace(-1, 1, 256).view(2, 128)
    for group in (16, 128):
        prune(x, None, group // 2, group)
        keep_mask(x, group // 2, group)
    repair(x, None, 8, 16, median(x), rescale=True)
