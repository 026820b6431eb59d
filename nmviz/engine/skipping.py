"""Decode that really skips: only the rows of the turned weight whose input was kept are read.

For one token, y = W x reads all of W; with W turned, [d_in, d_out], it is a sum of rows scaled by
the entries of x, and a dropped entry's row is never touched. Memory traffic falls with sparsity,
which is what decoding waits for. Four rows are added at once so that y is read a fourth as often.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.nn import functional

from nmviz.engine.sites import Site

COLUMNS = 4096  # outputs at once, so that they stay in the first cache
ALONE = 1 << 18  # entries of W that one thread multiplies faster than two
u = np.uint64


@dataclass
class Traffic:
    """Bytes of pruned layers' weights that one-token products read, and would have read dense."""

    read: int = 0
    dense: int = 0


class Skipping:
    """Products of one token that read only what was kept; a `multiply` of pruned activations.

    Weights are turned when they are first met, fp32 on the CPU, and kept as long as this is.
    """

    def __init__(self) -> None:
        self.traffic = Traffic()
        self._turned: dict[Site, np.ndarray] = {}

    def __call__(self, site: Site, kept: Tensor) -> Tensor:
        """W kept, [..., d_out]; more than one token is multiplied whole."""
        if kept.numel() > kept.shape[-1]:
            return functional.linear(kept, site.weight)
        if site not in self._turned:
            self._turned[site] = site.weight.T.contiguous().numpy()
        turned, x = self._turned[site], kept.reshape(-1).numpy()
        rows = np.flatnonzero(x).astype(u)
        self.traffic.read += rows.size * turned.shape[1] * turned.itemsize
        self.traffic.dense += turned.nbytes
        return torch.from_numpy(product(turned, x, rows)).view(*kept.shape[:-1], -1)


def product(turned: np.ndarray, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """sum over rows j of x[j] * turned[j], float32 [d_out]; `rows` are uint64 indices into x."""
    y = np.zeros(turned.shape[1], turned.dtype)
    threads = torch.get_num_threads()
    if threads == 1 or rows.size * y.size <= ALONE:
        _add_rows(turned, x, rows, y, u(0), u(y.size))
        return y
    cuts = [u(16 * (y.size * n // threads // 16)) for n in range(threads)] + [u(y.size)]
    part = partial(_add_rows, turned, x, rows, y)
    list(_pool(threads).map(part, cuts[:-1], cuts[1:]))
    return y


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="nmviz-skip")


@njit(nogil=True, error_model="numpy", cache=True, fastmath={"contract"})
def _add_rows(turned: Any, x: Any, rows: Any, y: Any, first: Any, last: Any) -> None:
    """Columns first..last of the sum. A product and its addition may be one instruction."""
    start = first
    while start < last:
        stop = min(last, start + u(COLUMNS))
        done = u(0)
        while done + u(4) <= u(rows.size):
            a, b = rows[done], rows[done + u(1)]
            c, d = rows[done + u(2)], rows[done + u(3)]
            xa, xb, xc, xd = x[a], x[b], x[c], x[d]
            for column in range(start, stop):
                k = u(column)
                y[k] += (
                    xa * turned[a, k] + xb * turned[b, k] + (xc * turned[c, k] + xd * turned[d, k])
                )
            done += u(4)
        while done < u(rows.size):
            a = rows[done]
            for column in range(start, stop):
                y[u(column)] += x[a] * turned[a, u(column)]
            done += u(1)
        start = stop
