"""The N largest of M where M is wide, and of every token: the cut is found by halving, compiled.

Scores are compared as integers that sort like the floats. How many lie at or below a value is one
pass of vector instructions; halvings find the cut exactly, however many ties there are.
"""

from typing import Any

import numpy as np

from nmviz.engine.prune.kernels.compiling import compiled

u = np.uint64


@compiled
def _count(keys: Any, size: Any, cut: Any) -> Any:
    """How many of keys[0:size] lie at or below cut."""
    count = np.int32(0)
    for i in range(size):
        count += np.int32(keys[u(i)] <= cut)
    return count


@compiled
def nth_smallest(keys: Any, size: Any, n: Any, room: Any) -> Any:
    """The n-th smallest (0 is the smallest) of keys[0:size], signed integers.

    Once few are left between the bounds they are taken aside into room, which is as long as keys.
    """
    least = most = keys[u(0)]
    for i in range(size):
        least, most = min(least, keys[u(i)]), max(most, keys[u(i)])
    low, high = np.int64(least), np.int64(most)
    below, upto = np.int32(0), np.int32(size)  # how many lie below low, and at or below high
    few = np.int32(size) // np.int32(8)
    while low < high and upto - below > few:
        middle = (low & high) + ((low ^ high) >> 1)  # (low + high) // 2 that cannot overflow
        count = _count(keys, size, keys.dtype.type(middle))
        if count > n:
            high, upto = middle, count
        else:
            low, below = middle + 1, count
    if low == high:
        return keys.dtype.type(low)
    left = u(0)
    for i in range(size):
        key = keys[u(i)]
        room[left] = key  # overwritten unless it lies between the bounds
        left += u(low <= key) & u(key <= high)
    while low < high:
        middle = (low & high) + ((low ^ high) >> 1)
        if below + _count(room, left, keys.dtype.type(middle)) > n:
            high = middle
        else:
            low = middle + 1
    return keys.dtype.type(low)


@compiled
def _choose(keys: Any, size: Any, keep: Any, room: Any) -> None:
    """Replace keys[0:size] by 1 for the `keep` largest and 0 for the rest, ties to lower places."""
    cut = nth_smallest(keys, size, np.int32(size - keep), room)
    above = upto = np.int32(0)
    for i in range(size):
        above += np.int32(keys[u(i)] > cut)
        upto += np.int32(keys[u(i)] >= cut)
    if u(upto) == keep:  # no entry ties with one that is dropped
        for i in range(size):
            keys[u(i)] = np.int32(keys[u(i)] >= cut)
        return
    places = np.int32(keep) - above
    for i in range(size):
        key = keys[u(i)]
        tied = np.int32(key == cut) & np.int32(places > 0)
        places -= tied
        keys[u(i)] = np.int32(key > cut) | tied


@compiled
def prune_wide(
    x: Any,
    channel: Any,
    period: Any,
    group: Any,
    keep: Any,
    bits: Any,
    out: Any,
    first: Any,
    last: Any,
) -> Any:
    """Blocks first..last of x to out; True when a score is not a number."""
    line = np.empty(group, x.dtype)
    keys, room = line.view(bits.dtype), np.empty(line.size, bits.dtype)
    strange = False
    for block in range(first, last):
        at, weigh = u(block) * group, (u(block) % period) * group
        for i in range(group):
            score = abs(x[at + u(i)]) * channel[weigh + u(i)]
            line[u(i)] = score
            strange |= score != score
        _choose(keys, group, keep, room)
        for i in range(group):
            out[at + u(i)] = x[at + u(i)] if keys[u(i)] != 0 else 0
    return strange


@compiled
def mask_wide(given: Any, group: Any, keep: Any, bits: Any, out: Any, first: Any, last: Any) -> Any:
    """Blocks first..last of scores to a mask; True when a score is not a number."""
    line = np.empty(group, given.dtype)
    keys, room = line.view(bits.dtype), np.empty(line.size, bits.dtype)
    top = np.iinfo(bits.dtype).max
    strange = False
    for block in range(first, last):
        at = u(block) * group
        for i in range(group):
            score = given[at + u(i)] + 0  # -0.0 becomes 0.0: they are equal
            line[u(i)] = score
            strange |= score != score
        for i in range(group):
            value = keys[u(i)]
            keys[u(i)] = value ^ top if value < 0 else value
        _choose(keys, group, keep, room)
        for i in range(group):
            out[at + u(i)] = keys[u(i)] != 0
    return strange


@compiled
def medians(x: Any, width: Any, bits: Any, out: Any, first: Any, last: Any) -> Any:
    """The lower median of rows first..last of x to out; True when an entry is not a number."""
    line = np.empty(width, x.dtype)
    keys, room = line.view(bits.dtype), np.empty(line.size, bits.dtype)
    top = np.iinfo(bits.dtype).max
    found = np.empty(1, x.dtype)
    as_bits = found.view(bits.dtype)
    strange = False
    for row in range(first, last):
        at = u(row) * width
        for i in range(width):
            line[u(i)] = x[at + u(i)] + 0
            strange |= line[u(i)] != line[u(i)]
        for i in range(width):
            value = keys[u(i)]
            keys[u(i)] = value ^ top if value < 0 else value
        middle = nth_smallest(keys, width, np.int32((width - u(1)) // u(2)), room)
        as_bits[0] = middle ^ top if middle < 0 else middle
        out[u(row)] = found[0]
    return strange
