"""What ties decided in a mask, compiled: one pass over scores and mask, on the CPU."""

import numpy as np
import torch
from torch import Tensor

from nmviz.engine.prune.kernels.compiling import ALONE, compiled, spread


def tied_blocks(scores: Tensor, mask: Tensor) -> int:
    """Of blocks [..., M] of scores and their mask those whose smallest score that is kept equals
    the largest that is dropped; none of them is kept or dropped whole."""
    group = scores.shape[-1]
    flat = np.ascontiguousarray(scores.detach().numpy()).reshape(-1)
    kept = np.ascontiguousarray(mask.numpy()).reshape(-1)
    count = flat.size // group
    threads = 1 if flat.size <= ALONE else torch.get_num_threads()
    cuts = [count * part // threads for part in range(threads + 1)]
    return sum(spread(lambda first, last: _tied(flat, kept, group, first, last), cuts))


@compiled
def _tied(scores, kept, group, first, last):  # type: ignore[no-untyped-def]
    """How many of the blocks first..last are tied."""
    tied = 0
    for block in range(first, last):
        least, most = np.inf, -np.inf
        for place in range(block * group, (block + 1) * group):
            if kept[place]:
                least = min(least, scores[place])
            else:
                most = max(most, scores[place])
        tied += least == most
    return tied
