"""The N largest of M where M is wide, and of every token: the cut is found by halving, compiled.

Scores are compared as integers that sort like the floats. How many lie at or below a value is one
pass of vector instructions, and 32 halvings find the cut exactly, however many ties there are.
"""

from typing import Any

import numpy as np

from nmviz.engine.kernels.compiling import compiled

u = np.uint64


@compiled
def nth_smallest(keys: Any, size: Any, n: Any) -> Any:
    """The n-th smallest (0 is the smallest) of keys[0:size], signed integers."""
    low = high = np.int64(keys[u(0)])
    for i in range(size):
        low, high = min(low, np.int64(keys[u(i)])), max(high, np.int64(keys[u(i)]))
    while low < high:
        middle = (low & high) + ((low ^ high) >> 1)  # (low + high) // 2 that cannot overflow
        cut = keys.dtype.type(middle)
        count = np.int32(0)
        for i in range(size):
            count += np.int32(keys[u(i)] <= cut)
        if count > n:
            high = middle
        else:
            low = middle + 1
    return keys.dtype.type(low)


@compiled
def _choose(keys: Any, size: Any, keep: Any) -> None:
    """Replace keys[0:size] by 1 for the `keep` largest and 0 for the rest, ties to lower places."""
    cut = nth_smallest(keys, size, np.int32(size - keep))
    above = np.int32(0)
    for i in range(size):
        above += np.int32(keys[u(i)] > cut)
    room = np.int32(keep) - above
    for i in range(size):
        key = keys[u(i)]
        tied = key == cut and room > 0
        room -= np.int32(tied)
        keys[u(i)] = np.int32(key > cut or tied)


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
    """Blocks first..last of x to out; True when a score is not a number. x may be out."""
    line = np.empty(group, x.dtype)
    keys = line.view(bits.dtype)
    strange = False
    for block in range(first, last):
        at, weigh = u(block) * group, (u(block) % period) * group
        for i in range(group):
            score = abs(x[at + u(i)]) * channel[weigh + u(i)]
            line[u(i)] = score
            strange |= score != score
        _choose(keys, group, keep)
        for i in range(group):
            out[at + u(i)] = x[at + u(i)] if keys[u(i)] != 0 else 0
    return strange


@compiled
def mask_wide(given: Any, group: Any, keep: Any, bits: Any, out: Any, first: Any, last: Any) -> Any:
    """Blocks first..last of scores to a mask; True when a score is not a number."""
    line = np.empty(group, given.dtype)
    keys = line.view(bits.dtype)
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
        _choose(keys, group, keep)
        for i in range(group):
            out[at + u(i)] = keys[u(i)] != 0
    return strange


@compiled
def medians(x: Any, width: Any, bits: Any, out: Any, first: Any, last: Any) -> Any:
    """The lower median of rows first..last of x to out; True when an entry is not a number."""
    line = np.empty(width, x.dtype)
    keys = line.view(bits.dtype)
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
        middle = nth_smallest(keys, width, np.int32((width - u(1)) // u(2)))
        as_bits[0] = middle ^ top if middle < 0 else middle
        out[u(row)] = found[0]
    return strange
