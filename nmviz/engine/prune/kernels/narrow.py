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

NARROW = 64  # beyond this a sorting network has more steps than halving takes
LANES = 64  # blocks side by side, at least
TILE = 1024  # entries at once, about
u = np.uint64
_LANES = u(LANES)


def lanes_of(group: int) -> int:
    """How many blocks of a group lie side by side: more of small ones, so that what is done once a
    tile is little of it."""
    return max(LANES, TILE // group // LANES * LANES)


lanes_at_once = compiled(lambda group: max(u(LANES), u(TILE) // group // u(LANES) * u(LANES)))


@lru_cache(maxsize=256)
def steps_of(group: int, keep: int) -> np.ndarray:
    """Offsets of the rows that are compared, in order, uint64 [steps, 2]."""
    lanes = lanes_of(group)
    return np.array([(i * lanes, j * lanes) for i, j, *_ in network(group, keep)], u).reshape(-1, 2)


@compiled
def _sort(turned, lanes, steps):  # type: ignore[no-untyped-def]
    """Turned scores [group * lanes] of a tile, as far sorted as its network goes."""
    for s in range(u(steps.shape[0])):
        for start in range(u(0), lanes, _LANES):  # as many as are known beforehand are unrolled
            i, j = steps[u(s), u(0)] + u(start), steps[u(s), u(1)] + u(start)
            for lane in range(_LANES):
                a, b = turned[i + u(lane)], turned[j + u(lane)]
                turned[i + u(lane)] = max(a, b)
                turned[j + u(lane)] = min(a, b)


@compiled
def _select(scores, sorted_, room, group, keep, lanes, steps):  # type: ignore[no-untyped-def]
    """Replace the turned scores [group * lanes] of a tile by 1 where kept and 0 where dropped."""
    for i in range(group * lanes):
        sorted_[u(i)] = scores[u(i)]
    _sort(sorted_, lanes, steps)
    cut = (keep - u(1)) * lanes
    for lane in range(lanes):
        room[u(lane)] = np.int32(keep)
    for j in range(group):
        row = u(j) * lanes
        for lane in range(lanes):
            room[u(lane)] -= np.int32(scores[row + u(lane)] > sorted_[cut + u(lane)])
    for j in range(group):
        row = u(j) * lanes
        for lane in range(lanes):
            at = row + u(lane)
            score, least = scores[at], sorted_[cut + u(lane)]
            tied = np.int32(score == least) & np.int32(room[u(lane)] > 0)
            room[u(lane)] -= tied
            scores[at] = np.int32(score > least) | tied


@compiled
def _deal_two(line, piles, half):  # type: ignore[no-untyped-def]
    """Every second entry of a line [2 * half] to a pile of its own, one pile behind the other."""
    for i in range(half):
        piles[u(i)] = line[u(2) * u(i)]
        piles[half + u(i)] = line[u(2) * u(i) + u(1)]


@compiled
def _deal_four(line, piles, quarter):  # type: ignore[no-untyped-def]
    """The same of every fourth entry of a line [4 * quarter]."""
    for i in range(quarter):
        at = u(4) * u(i)
        piles[u(i)] = line[at]
        piles[quarter + u(i)] = line[at + u(1)]
        piles[u(2) * quarter + u(i)] = line[at + u(2)]
        piles[u(3) * quarter + u(i)] = line[at + u(3)]


@compiled
def _turn(line, turned, spare, group, lanes):  # type: ignore[no-untyped-def]
    """[lanes, group] to [group, lanes], in one of the two places that are given besides.

    A group of a power of two is dealt into piles of piles: entry j then lies in row j, and every
    step is of neighbours, which vector instructions take. Others are gathered.
    """
    if group & (group - u(1)):
        for j in range(group):
            for lane in range(lanes):
                turned[u(j) * lanes + u(lane)] = line[u(lane) * group + u(j)]
        return turned
    size, left = group * lanes, group
    source, place, other = line, turned, spare
    while left > u(1):
        if left == u(2):
            _deal_two(source, place, size >> u(1))
        else:
            _deal_four(source, place, size >> u(2))
        left >>= u(1) if left == u(2) else u(2)
        source, place, other = place, other, place
    return source


@compiled
def _double(line, doubled, count):  # type: ignore[no-untyped-def]
    """Every one of so many entries twice."""
    for i in range(count):
        doubled[u(2) * u(i)] = line[u(i)]
        doubled[u(2) * u(i) + u(1)] = line[u(i)]


@compiled
def _fourfold(line, repeated, count):  # type: ignore[no-untyped-def]
    """Every one of so many entries four times."""
    for i in range(count):
        at, entry = u(4) * u(i), line[u(i)]
        repeated[at] = entry
        repeated[at + u(1)] = entry
        repeated[at + u(2)] = entry
        repeated[at + u(3)] = entry


@compiled
def _spread(row, line, spare, group, lanes):  # type: ignore[no-untyped-def]
    """A number a block, [lanes], to one an entry, [lanes, group], in one of the two places."""
    if group & (group - u(1)):
        for j in range(group):
            for lane in range(lanes):
                line[u(lane) * group + u(j)] = row[u(lane)]
        return line
    count, left = lanes, group
    source, place, other = row, line, spare
    while left > u(1):
        if left == u(2):
            _double(source, place, count)
        else:
            _fourfold(source, place, count)
        count <<= u(1) if left == u(2) else u(2)
        left >>= u(1) if left == u(2) else u(2)
        source, place, other = place, other, place
    return source


@compiled
def _turn_back(chosen, line, group, lanes):  # type: ignore[no-untyped-def]
    for j in range(group):
        for lane in range(lanes):
            line[u(lane) * group + u(j)] = chosen[u(j) * lanes + u(lane)]


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
    lanes = lanes_at_once(group)
    size = group * lanes
    scores, cuts, again = np.zeros(size, x.dtype), np.empty(size, x.dtype), np.empty(size, x.dtype)
    rows, spare = np.empty(size, bits.dtype), np.empty(size, bits.dtype)
    strange = False
    block = first
    while block < last:
        count = min(lanes, last - block)
        at, weigh = block * group, (block % period) * group
        for i in range(count * group):
            score = abs(x[at + u(i)]) * channel[weigh + u(i)]
            scores[u(i)] = score
            strange |= score != score
        turned = _turn(scores.view(bits.dtype), rows, spare, group, lanes)
        _sort(turned, lanes, steps)
        least = turned[(keep - u(1)) * lanes : keep * lanes].view(x.dtype)
        cut = _spread(least, cuts, again, group, lanes)
        kept = np.int32(0)
        for i in range(count * group):
            stays = scores[u(i)] >= cut[u(i)]
            kept += np.int32(stays)
            out[at + u(i)] = x[at + u(i)] if stays else 0
        if u(kept) != count * keep:  # every block keeps as many at least, and more only of a tie
            _drop_ties(scores, cut, out[at:], group, keep, count)
        block += lanes
    return strange


@compiled
def mask_narrow(given, group, keep, steps, bits, out, first, last):  # type: ignore[no-untyped-def]
    """Blocks first..last of scores to a mask; True when a score is not a number."""
    lanes = lanes_at_once(group)
    size = group * lanes
    line = np.zeros(size, given.dtype)  # what lies beyond the last block is no nan
    as_bits = line.view(bits.dtype)
    rows, spare, sorted_ = (
        np.empty(size, bits.dtype),
        np.empty(size, bits.dtype),
        np.empty(size, bits.dtype),
    )
    room = np.empty(lanes, np.int32)
    top = np.iinfo(bits.dtype).max
    strange = False
    block = first
    while block < last:
        count = min(lanes, last - block)
        at = block * group
        for i in range(count * group):
            score = given[at + u(i)] + 0  # -0.0 becomes 0.0: they are equal
            line[u(i)] = score
            strange |= score != score
        for i in range(count * group):
            value = as_bits[u(i)]
            as_bits[u(i)] = value ^ top if value < 0 else value
        scores = _turn(as_bits, rows, spare, group, lanes)
        _select(scores, sorted_, room, group, keep, lanes, steps)
        _turn_back(scores, as_bits, group, lanes)
        for i in range(count * group):
            out[at + u(i)] = as_bits[u(i)] != 0
        block += lanes
    return strange
