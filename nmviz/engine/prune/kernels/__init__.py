"""Masks on the CPU, compiled: the N largest of every M entries in one pass, with what goes with it.

`narrow` has the groups up to 64 wide, `wide` the others and whole tokens, `tokens` shifts and
variances. The plain torch path in `masking` is the reference that all of it is tested against.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor

from nmviz.engine.load.refusals import not_finite
from nmviz.engine.prune.kernels.compiling import ALONE, in_parts
from nmviz.engine.prune.kernels.narrow import LANES, lanes_of, mask_narrow, prune_narrow, steps_of
from nmviz.engine.prune.kernels.tokens import factors
from nmviz.engine.prune.kernels.wide import mask_wide, medians, prune_wide

NARROW = 64  # beyond this a sorting network has more steps than halving takes
BITS = {torch.float32: np.int32, torch.float64: np.int64}
CHUNK = (
    1 << 15
)  # entries that are shifted, masked and scaled before the next: they stay in the cache
LEAST_VARIANCE = 1e-9
u = np.uint64

__all__ = [
    "ALONE",
    "NARROW",
    "fits",
    "keep_mask",
    "median",
    "prune",
    "repair",
    "token_pruner",
    "warm",
]


def fits(x: Tensor) -> bool:
    """Whether the compiled path handles this input."""
    return x.device.type == "cpu" and x.dtype in BITS and x.numel() > 0


def prune(x: Tensor, channel: Tensor | None, keep: int, group: int) -> Tensor:
    """x with all but the `keep` largest |x| * channel of every `group` entries set to zero.

    x [..., d_in]; channel None, [d_in], or of x's shape, never negative. Ties go to the lower
    index. UserError for a score that is not a number.
    """
    flat = _flat(x)
    out = np.empty_like(flat)
    pruner = _pruner(x, channel, keep, group)

    in_parts(partial(pruner, flat, out), flat.size // group, flat.size, LANES)
    return torch.from_numpy(out).view(x.shape)


def token_pruner(
    like: Tensor, channel: Tensor | None, keep: int, group: int
) -> Callable[[np.ndarray], np.ndarray]:
    """`prune` for one token [d_in] after another, with everything worked out once that does not
    change: half the time of a token of a small layer goes there. `like` is such a token."""
    pruner, blocks = _pruner(like, channel, keep, group), like.numel() // group

    def prune_token(token: np.ndarray) -> np.ndarray:
        kept = np.empty_like(token)
        if pruner(token, kept, 0, blocks):
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
    flat, width = _flat(x), x.shape[-1]
    tokens, out, eta = flat.reshape(-1, width), np.empty_like(flat), _shift(x, shift)
    pruner = _pruner(x, channel, keep, group)
    at_once, blocks = max(1, CHUNK // width), width // group
    least = flat.dtype.type(LEAST_VARIANCE)

    def part(first: int, last: int) -> bool:
        strange = False
        for start in range(first, last, at_once):
            here = slice(start, min(last, start + at_once))
            own = eta if len(eta) == 1 else eta[here]
            shifted, kept = tokens[here] - own, out.reshape(-1, width)[here]
            count = shifted.size // group
            strange |= pruner(shifted.reshape(-1), kept.reshape(-1), 0, count, start * blocks)
            if rescale:
                kept *= factors(shifted, kept, least)
            kept += own
        return strange

    in_parts(part, len(tokens), flat.size)
    return torch.from_numpy(out).view(x.shape)


def keep_mask(scores: Tensor, keep: int, group: int) -> Tensor:
    """bool like scores [..., d_in]: the `keep` largest of every `group`, ties to the lower index.

    UserError for a score that is not a number.
    """
    flat = _flat(scores)
    out = np.empty(flat.size, np.bool_)
    steps, bits = steps_of(group, keep) if group <= NARROW else None, _bits(scores)

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
    flat, width = _flat(x), x.shape[-1]
    out = np.empty(flat.size // width, flat.dtype)
    bits = _bits(x)

    def part(first: int, last: int) -> bool:
        return bool(medians(flat, u(width), bits, out, u(first), u(last)))

    in_parts(part, out.size, flat.size)
    return torch.from_numpy(out).view(*x.shape[:-1], 1)


def warm() -> None:
    """Compile for fp32, or read what an earlier process compiled, before anyone waits for it."""
    x = torch.linspace(-1, 1, 256).view(2, 128)
    for group in (16, 128):
        prune(x, None, group // 2, group)
        keep_mask(x, group // 2, group)
    repair(x, None, 8, 16, median(x), rescale=True)


def _pruner(x: Tensor, channel: Tensor | None, keep: int, group: int):  # type: ignore[no-untyped-def]
    """A function of (from, to, first block, last block): it writes the pruned blocks.

    Where `from` begins so many blocks into x, at the start of a token, it is told how many to skip.
    """
    weights, period = _channel(x, channel, group)
    steps, bits = steps_of(group, keep) if group <= NARROW else None, _bits(x)
    sizes = _sizes(period, group, keep)

    def pruner(given: np.ndarray, out: np.ndarray, first: int, last: int, skip: int = 0) -> bool:
        own = weights[skip % period * group :] if skip else weights
        if steps is None:
            return bool(prune_wide(given, own, *sizes, bits, out, u(first), u(last)))
        return bool(prune_narrow(given, own, *sizes, steps, bits, out, u(first), u(last)))

    return pruner


@lru_cache(maxsize=1024)
def _sizes(*given: int) -> tuple[np.uint64, ...]:
    return tuple(map(u, given))


def _flat(x: Tensor) -> np.ndarray:
    return np.ascontiguousarray(x.detach().numpy()).reshape(-1)


def _bits(x: Tensor) -> np.ndarray:
    """An empty array that says as which integers the floats are compared."""
    return np.empty(0, BITS[x.dtype])


def _shift(x: Tensor, shift: Tensor | None) -> np.ndarray:
    """The shift as [tokens, 1], or as [1, d_in] or [1, 1] where it is the same for every token."""
    eta = x.new_zeros(1) if shift is None else shift.detach()
    return (eta[None] if eta.dim() == 1 else eta.flatten(0, -2)).numpy()


def _channel(x: Tensor, channel: Tensor | None, group: int) -> tuple[np.ndarray, int]:
    """The channel weights as one line, and after how many blocks they repeat.

    A line that repeats is longer by a tile, so that a tile reads on without looking for its end.
    """
    d_in = x.shape[-1]
    if channel is None:
        return _ones(d_in + lanes_of(group) * group, x.dtype), d_in // group
    given = channel.detach().to(x.dtype)
    if given.numel() == d_in:
        line = given.reshape(-1).numpy()
        return np.resize(line, d_in + lanes_of(group) * group), d_in // group
    whole = np.ascontiguousarray(given.expand(x.shape).numpy()).reshape(-1)
    return whole, whole.size // group


@lru_cache(maxsize=64)
def _ones(size: int, dtype: torch.dtype) -> np.ndarray:
    return np.ones(size, np.float32 if dtype == torch.float32 else np.float64)
