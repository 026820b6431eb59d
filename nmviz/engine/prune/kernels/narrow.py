"""The N largest of every M up to 64, compiled: one pass over the entries, on the CPU.

Entries are taken 64 blocks at a time and turned, so that entry j of all 64 blocks lies side by
side; a sorting network then compares whole rows of 64 with vector instructions. Scores are compared
as integers: the bits of a float that is not negative sort like the float, and a sign flips them.
Indices are unsigned, because a signed one may count from the end and keeps LLVM from vectorising.
"""

from functools import lru_cache

import numpy as np

from nmviz.engine.prune.kernels.compiling import compiled
from nmviz.engine.prune.kernels.nth_largest import network

TILE = 64  # blocks side by side
u = np.uint64
_TILE = u(TILE)


@lru_cache(maxsize=256)
def steps_of(group: int, keep: int) -> np.ndarray:
    """Offsets of the rows that are compared, in order, uint64 [steps, 2]."""
    return np.array([(i * TILE, j * TILE) for i, j, *_ in network(group, keep)], u).reshape(-1, 2)


@compiled
def _sort(turned, steps):  # type: ignore[no-untyped-def]
    """Turned scores [group * TILE] of a tile, as far sorted as its network goes."""
    for s in range(u(steps.shape[0])):
        i, j = steps[u(s), u(0)], steps[u(s), u(1)]
        for lane in range(_TILE):
            a, b = turned[i + u(lane)], turned[j + u(lane)]
            turned[i + u(lane)] = max(a, b)
            turned[j + u(lane)] = min(a, b)


@compiled
def _select(scores, sorted_, room, group, keep, steps):  # type: ignore[no-untyped-def]
    """Replace the turned scores [group * TILE] of a tile by 1 where kept and 0 where dropped."""
    for i in range(group * _TILE):
        sorted_[u(i)] = scores[u(i)]
    _sort(sorted_, steps)
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


@compiled
def _turn(line, scores, group, count):  # type: ignore[no-untyped-def]
    """[count, group] to [group, TILE]; what lies beyond count is zero."""
    for j in range(group):
        for lane in range(_TILE):
            inside = u(lane) < count
            scores[u(j) * _TILE + u(lane)] = line[u(lane) * group + u(j)] if inside else 0
    return


@compiled
def _spread(row, line, group):  # type: ignore[no-untyped-def]
    """A number a block, [TILE], to one an entry, [TILE, group]."""
    for j in range(group):
        for lane in range(_TILE):
            line[u(lane) * group + u(j)] = row[u(lane)]


@compiled
def _turn_back(chosen, line, group):  # type: ignore[no-untyped-def]
    for j in range(group):
        for lane in range(_TILE):
            line[u(lane) * group + u(j)] = chosen[u(j) * _TILE + u(lane)]


@compiled
def _drop_ties(scores, cuts, out, group, keep, count):  # type: ignore[no-untyped-def]
    """Of a tile's entries [count, group] that equal their block's cut drop the last ones, so that
    `keep` stay; out begins with the tile."""
    for start in range(u(0), count * group, group):
        cut, room = cuts[u(start)], keep
        for j in range(group):
            room -= u(scores[u(start) + u(j)] > cut)
        for j in range(group):
            at = u(start) + u(j)
            if scores[at] == cut:
                if room == u(0):
                    out[at] = 0
                else:
                    room -= u(1)


@compiled
def prune_narrow(x, channel, period, group, keep, steps, bits, out, first, last):  # type: ignore[no-untyped-def]
    """Blocks first..last of x to out; True when a score is not a number."""
    size = group * _TILE
    scores, cuts = np.empty(size, x.dtype), np.empty(size, x.dtype)
    turned = np.empty(size, bits.dtype)
    least = turned[(keep - u(1)) * _TILE :]  # of what stays in each block, once sorted
    strange = False
    block = first
    while block < last:
        count = min(_TILE, last - block)
        at, weigh = block * group, (block % period) * group
        for i in range(count * group):
            score = abs(x[at + u(i)]) * channel[weigh + u(i)]
            scores[u(i)] = score
            strange |= score != score
        _turn(scores.view(bits.dtype), turned, group, count)
        _sort(turned, steps)
        _spread(least, cuts.view(bits.dtype), group)
        kept = np.int32(0)
        for i in range(count * group):
            stays = scores[u(i)] >= cuts[u(i)]
            kept += np.int32(stays)
            out[at + u(i)] = x[at + u(i)] if stays else 0
        if u(kept) != count * keep:  # every block keeps as many at least, and more only of a tie
            _drop_ties(scores, cuts, out[at:], group, keep, count)
        block += _TILE
    return strange


@compiled
def mask_narrow(given, group, keep, steps, bits, out, first, last):  # type: ignore[no-untyped-def]
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
