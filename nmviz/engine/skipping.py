"""Decode that really skips: only the rows of the turned weight whose input was kept are read.

For one token, y = W x reads all of W; with W turned, [d_in, d_out], it is a sum of rows scaled by
the entries of x, and a dropped entry's row is never touched. Memory traffic falls with sparsity,
which is what decoding waits for. Four rows are added at once so that y is read a fourth as often.
"""

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.nn import functional

from nmviz.engine.kernels.compiling import spread
from nmviz.engine.sites import Site

COLUMNS = 4096  # outputs at once, so that they stay in the first cache
ALONE = 1 << 20  # entries of W that one thread multiplies faster than two
u = np.uint64
_ZERO = u(0)


def kept_rows(x: np.ndarray) -> np.ndarray:
    """Where x [d_in] is not 0, uint64."""
    return x.nonzero()[0].view(u)


def product(turned: np.ndarray, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """W x, [d_out], for W turned to [d_in, d_out] and x [d_in], of which only `rows` are read."""
    y = np.zeros(turned.shape[1], turned.dtype)
    if rows.size * y.size <= ALONE:
        _add_rows(turned, x, rows, y, _ZERO, u(y.size))
        return y
    threads = torch.get_num_threads()
    cuts = [16 * (y.size * n // threads // 16) for n in range(threads)] + [y.size]
    spread(lambda first, last: _add_rows(turned, x, rows, y, u(first), u(last)), cuts)
    return y


class SkippedRows:
    """A site's product, without the bias, that reads only the rows whose input was kept.

    For one token at a time, as in decoding; several tokens keep different rows and are multiplied
    whole. Turned weights are kept as long as this is. `read` counts bytes of weights read for
    single tokens.
    """

    def __init__(self) -> None:
        self.read = 0
        self._turned: dict[Site, np.ndarray] = {}
        self._last: tuple[Tensor | None, np.ndarray, np.ndarray] = (None, np.empty(0), np.empty(0))

    def __call__(self, site: Site, kept: Tensor) -> Tensor:
        """[..., d_in] to [..., d_out]."""
        if kept.numel() != site.d_in or kept.device.type != "cpu" or kept.dtype != torch.float32:
            return functional.linear(kept, site.weight)
        if site not in self._turned:
            self._turned[site] = site.weight.T.contiguous().numpy()
        if self._last[0] is not kept:  # sites that are given the same input are given the same rows
            x = kept.detach().numpy().reshape(-1)
            self._last = kept, x, kept_rows(x)
        _, x, rows = self._last
        y = product(self._turned[site], x, rows)
        self.read += rows.size * y.nbytes
        return torch.from_numpy(y).view(*kept.shape[:-1], site.d_out)


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
