"""Decode that really skips: only the rows of the turned weight whose input was kept are read.

For one token, y = W x reads all of W; with W turned, [d_in, d_out], it is a sum of rows scaled by
the entries of x, and a dropped entry's row is never touched. Memory traffic falls with sparsity,
which is what decoding waits for. Four rows are added at once so that y is read a fourth as often.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from numba import njit

COLUMNS = 4096  # outputs at once, so that they stay in the first cache
ALONE = 1 << 18  # entries of W that one thread multiplies faster than two
u = np.uint64


def product(turned: np.ndarray, x: np.ndarray) -> np.ndarray:
    """W x, [d_out], for W turned to [d_in, d_out] and x [d_in]; rows whose x is 0 are not read."""
    rows = np.flatnonzero(x).astype(u)
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
