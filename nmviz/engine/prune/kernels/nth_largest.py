"""The n-th largest of every block, by a sorting network over whole columns of blocks.

A network compares entry i of all blocks with entry j of all blocks at once, so the work is a few
dozen vectorised minima and maxima instead of one small sort a block: about ten times faster than
`topk` for M = 16 (measured on two cores).
"""

from functools import lru_cache

import torch
from torch import Tensor

WIDEST_NETWORK = 64  # beyond this a network has more steps than topk costs
BLOCKS_AT_ONCE = 1 << 16  # so that the columns stay in the cache

Step = tuple[int, int, bool, bool]  # entries i < j, and whether the larger and the smaller are used


def nth_largest(blocks: Tensor, n: int) -> Tensor:
    """The n-th largest (1 is the largest) of the last dimension: [..., M] to [..., 1]."""
    width = blocks.shape[-1]
    if width > WIDEST_NETWORK:
        return blocks.topk(n, dim=-1).values[..., -1:]
    flat = blocks.reshape(-1, width)
    parts = [_nth_of_columns(part, n) for part in flat.split(BLOCKS_AT_ONCE)]
    return torch.cat(parts).view(*blocks.shape[:-1], 1)


def _nth_of_columns(blocks: Tensor, n: int) -> Tensor:
    """[blocks, M] to [blocks]."""
    entries = list(blocks.T.contiguous())
    for i, j, larger_used, smaller_used in network(blocks.shape[1], n):
        a, b = entries[i], entries[j]
        if larger_used:
            entries[i] = torch.maximum(a, b)
        if smaller_used:
            entries[j] = torch.minimum(a, b)
    return entries[n - 1]


@lru_cache(maxsize=256)
def network(width: int, n: int) -> tuple[Step, ...]:
    """The steps of a descending sort that the n-th place depends on.

    Batcher's merge exchange for any width (Knuth, The Art of Computer Programming 3, 5.2.2M).
    """
    steps: list[Step] = []
    wanted = {n - 1}
    for i, j in reversed(_merge_exchange(width)):
        if i in wanted or j in wanted:
            steps.append((i, j, i in wanted, j in wanted))
            wanted |= {i, j}
    return tuple(reversed(steps))


def _merge_exchange(width: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    top = 1 << max(0, (width - 1).bit_length() - 1)
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while d > 0:
            pairs += [(i, i + d) for i in range(width - d) if i & p == r]
            d, q, r = q - p, q >> 1, p
        p >>= 1
    return pairs
