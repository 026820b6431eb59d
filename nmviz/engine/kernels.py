"""The N largest of every M, compiled: one pass over the entries, on the CPU.

Entries are taken 64 blocks at a time and turned, so that entry j of all 64 blocks lies side by
side; a sorting network then compares whole rows of 64 with vector instructions. Scores are compared
as integers: the bits of a float that is not negative sort like the float, and a sign flips them.
Indices are unsigned, because a signed one may count from the end and keeps LLVM from vectorising.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from nmviz.engine.selection import network
from nmviz.errors import UserError

WIDEST = 64  # beyond this a network has more steps than topk costs
TILE = 64  # blocks side by side
ALONE = 1 << 15  # entries that one thread handles faster than two
BITS = {torch.float32: np.int32, torch.float64: np.int64}
u = np.uint64
_TILE = u(TILE)


def fits(x: Tensor, group: int) -> bool:
    """Whether the compiled path handles this input."""
    return x.device.type == "cpu" and x.dtype in BITS and 1 <= group <= WIDEST and x.numel() > 0


def prune(x: Tensor, channel: Tensor | None, keep: int, group: int) -> Tensor:
    """x with all but the `keep` largest |x| * channel of every `group` entries set to zero.

    x [..., d_in]; channel None, [d_in], or of x's shape, never negative. Ties go to the lower
    index. UserError for a score that is not a number.
    """
    flat = np.ascontiguousarray(x.detach().numpy()).reshape(-1)
    weights, period = _channel(x, channel, group)
    out = np.empty_like(flat)
    steps = _steps(group, keep)
    bits = np.empty(0, BITS[x.dtype])

    def part(first: int, last: int) -> bool:
        return bool(
            _prune(flat, weights, u(period), u(group), u(keep), steps, bits, out, u(first), u(last))
        )

    _in_parts(part, flat.size // group, flat.size)
    return torch.from_numpy(out).view(x.shape)


def keep_mask(scores: Tensor, keep: int, group: int) -> Tensor:
    """bool like scores [..., d_in]: the `keep` largest of every `group`, ties to the lower index.

    UserError for a score that is not a number.
    """
    flat = np.ascontiguousarray(scores.detach().numpy()).reshape(-1)
    out = np.empty(flat.size, np.bool_)
    steps = _steps(group, keep)
    bits = np.empty(0, BITS[scores.dtype])

    def part(first: int, last: int) -> bool:
        return bool(_mask(flat, u(group), u(keep), steps, bits, out, u(first), u(last)))

    _in_parts(part, flat.size // group, flat.size)
    return torch.from_numpy(out).view(scores.shape)


def warm() -> None:
    """Compile for fp32, or read what an earlier process compiled, before anyone waits for it."""
    x = torch.ones(2, 16)
    prune(x, None, 8, 16)
    keep_mask(x, 8, 16)


def _channel(x: Tensor, channel: Tensor | None, group: int) -> tuple[np.ndarray, int]:
    """The channel weights as one line, and after how many blocks they repeat.

    A line that repeats is longer by a tile, so that a tile reads on without looking for its end.
    """
    d_in = x.shape[-1]
    if channel is None:
        return _ones(d_in + TILE * group, x.dtype), d_in // group
    given = channel.detach().to(x.dtype)
    if given.numel() == d_in:
        line = given.reshape(-1).numpy()
        return np.resize(line, d_in + TILE * group), d_in // group
    whole = np.ascontiguousarray(given.expand(x.shape).numpy()).reshape(-1)
    return whole, whole.size // group


@lru_cache(maxsize=64)
def _ones(size: int, dtype: torch.dtype) -> np.ndarray:
    return np.ones(size, np.float32 if dtype == torch.float32 else np.float64)


@lru_cache(maxsize=256)
def _steps(group: int, keep: int) -> np.ndarray:
    """Offsets of the rows that are compared, in order, uint64 [steps, 2]."""
    return np.array([(i * TILE, j * TILE) for i, j, *_ in network(group, keep)], u).reshape(-1, 2)


def _in_parts(part: Callable[[int, int], bool], blocks: int, entries: int) -> None:
    """Run a kernel over all blocks, in as many parts as there are threads; it releases the GIL."""
    threads = torch.get_num_threads()
    tiles = -(-blocks // TILE)
    if threads == 1 or entries <= ALONE:
        bad = part(0, blocks)
    else:
        cuts = [min(blocks, TILE * (tiles * n // threads)) for n in range(threads + 1)]
        bad = any(list(_pool(threads).map(part, cuts[:-1], cuts[1:])))
    if bad:
        raise UserError(
            "The model's numbers are not finite here, so nothing can be ranked: "
            "choose another model, text or layer."
        )


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="nmviz-mask")


def _compiled(function: Callable[..., Any]) -> Any:
    # Bounds are not checked and a division by zero does not raise: neither can happen here.
    return njit(nogil=True, error_model="numpy", cache="NUMBA_DISABLE_JIT" not in os.environ)(
        function
    )


@_compiled
def _select(scores, sorted_, room, group, keep, steps):  # type: ignore[no-untyped-def]
    """Replace the turned scores [group * TILE] of a tile by 1 where kept and 0 where dropped."""
    for i in range(group * _TILE):
        sorted_[u(i)] = scores[u(i)]
    for s in range(u(steps.shape[0])):
        i, j = steps[u(s), u(0)], steps[u(s), u(1)]
        for lane in range(_TILE):
            a, b = sorted_[i + u(lane)], sorted_[j + u(lane)]
            sorted_[i + u(lane)] = max(a, b)
            sorted_[j + u(lane)] = min(a, b)
    cut = (keep - u(1)) * _TILE
    for lane in range(_TILE):
        room[u(lane)] = np.int32(keep)
    for j in range(group):
        row = u(j) * _TILE
        for lane in range(_TILE):
            room[u(lane)] -= np.int32(scores[row + u(lane)] > sorted_[cut + u(lane)])
    for j in range(group):
        row = u(j) * _TILE
        for lane in range(_TILE):
            at = row + u(lane)
            score, least = scores[at], sorted_[cut + u(lane)]
            tied = np.int32(score == least) & np.int32(room[u(lane)] > 0)
            room[u(lane)] -= tied
            scores[at] = np.int32(score > least) | tied


@_compiled
def _turn(line, scores, group, count):  # type: ignore[no-untyped-def]
    """[count, group] to [group, TILE]; what lies beyond count is zero."""
    for j in range(group):
        for lane in range(_TILE):
            inside = u(lane) < count
            scores[u(j) * _TILE + u(lane)] = line[u(lane) * group + u(j)] if inside else 0
    return


@_compiled
def _turn_back(chosen, line, group):  # type: ignore[no-untyped-def]
    for j in range(group):
        for lane in range(_TILE):
            line[u(lane) * group + u(j)] = chosen[u(j) * _TILE + u(lane)]


@_compiled
def _prune(x, channel, period, group, keep, steps, bits, out, first, last):  # type: ignore[no-untyped-def]
    """Blocks first..last of x to out; True when a score is not a number."""
    size = group * _TILE
    line = np.empty(size, x.dtype)
    as_bits = line.view(bits.dtype)
    scores, sorted_ = np.empty(size, bits.dtype), np.empty(size, bits.dtype)
    room = np.empty(TILE, np.int32)
    strange = False
    block = first
    while block < last:
        count = min(_TILE, last - block)
        at, weigh = block * group, (block % period) * group
        for i in range(count * group):
            score = abs(x[at + u(i)]) * channel[weigh + u(i)]
            line[u(i)] = score
            strange |= score != score
        _turn(as_bits, scores, group, count)
        _select(scores, sorted_, room, group, keep, steps)
        _turn_back(scores, as_bits, group)
        for i in range(count * group):
            out[at + u(i)] = x[at + u(i)] if as_bits[u(i)] != 0 else 0
        block += _TILE
    return strange


@_compiled
def _mask(given, group, keep, steps, bits, out, first, last):  # type: ignore[no-untyped-def]
    """Blocks first..last of scores to a mask; True when a score is not a number."""
    size = group * _TILE
    line = np.empty(size, given.dtype)
    as_bits = line.view(bits.dtype)
    scores, sorted_ = np.empty(size, bits.dtype), np.empty(size, bits.dtype)
    room = np.empty(TILE, np.int32)
    top = np.iinfo(bits.dtype).max
    strange = False
    block = first
    while block < last:
        count = min(_TILE, last - block)
        at = block * group
        for i in range(count * group):
            score = given[at + u(i)] + 0  # -0.0 becomes 0.0: they are equal
            line[u(i)] = score
            strange |= score != score
        for i in range(count * group):
            value = as_bits[u(i)]
            as_bits[u(i)] = value ^ top if value < 0 else value
        _turn(as_bits, scores, group, count)
        _select(scores, sorted_, room, group, keep, steps)
        _turn_back(scores, as_bits, group)
        for i in range(count * group):
            out[at + u(i)] = as_bits[u(i)] != 0
        block += _TILE
    return strange
