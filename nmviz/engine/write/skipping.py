"""Decode that really skips: only the rows of the turned weight whose input was kept are read.

For one token, y = W x reads all of W; with W turned, [d_in, d_out], it is a sum of rows scaled by
the entries of x, and a dropped entry's row is never touched. Memory traffic falls with sparsity,
which is what decoding waits for. Eight rows are added at once: y is read an eighth as often.
"""

import weakref
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.nn import functional

from nmviz.engine.load.sites import Site
from nmviz.engine.prune.activations import PrunedActivations
from nmviz.engine.prune.kernels.compiling import spread

COLUMNS = 4096  # outputs at once, so that they stay in the first cache
ALONE = 1 << 21  # entries of W that one thread multiplies faster than two
u = np.uint64


def product(turned: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, int]:
    """W x, [d_out], for W turned to [d_in, d_out] and x [d_in], and how many rows were read."""
    y = np.empty(turned.shape[1], turned.dtype)
    threads = torch.get_num_threads() if turned.size > ALONE else 1
    if threads == 1:
        return y, int(_add_rows(turned, x, y, u(0), u(y.size)))
    cuts = [16 * (y.size * n // threads // 16) for n in range(threads)] + [y.size]
    rows = spread(lambda first, last: _add_rows(turned, x, y, u(first), u(last)), cuts)
    return y, int(rows[0])


def warm() -> None:
    """Compile for fp32, or read what an earlier process compiled, before anyone waits for it."""
    product(np.ones((16, 16), np.float32), np.ones(16, np.float32))


class Plan(NamedTuple):
    """What is done with an input of one token: sites that keep the same of it go together."""

    parts: Sequence[tuple[Site, slice]]  # where each site's outputs lie
    turned: np.ndarray  # [d_in, sum of d_out]
    prune: Callable[[np.ndarray], np.ndarray] | None


class SkippedRows:
    """The products of pruned activations, without the bias, that read only rows that are kept.

    For one token at a time, as in decoding; several tokens keep different rows and are multiplied
    whole, and show which sites are given the same input. Turned weights are kept as long as this
    is. `read` counts bytes of weights read for single tokens, `tokens` those.
    """

    def __init__(self, pruned: PrunedActivations) -> None:
        self.read = self.tokens = 0
        self._pruned = weakref.proxy(pruned)  # which holds this: both go at once, weights and all
        self._first: Site | None = None
        self._plans: dict[Site, Plan] = {}
        self._sharing: dict[Site, list[Site]] = {}
        self._last: Tensor | None = None
        self._together: list[Site] = []
        self._made: dict[Site, Tensor] = {}
        pruned.multiply = self.multiply
        pruned.single = self.single

    def multiply(self, site: Site, kept: Tensor) -> Tensor:
        """[..., d_in], of which what is dropped is zero, to [..., d_out]."""
        if not _is_single(site, kept):
            self._learn(site, kept)
            return functional.linear(kept, site.weight)
        if kept is not self._last or site not in self._made:
            self._make(site, kept, kept.detach().numpy().reshape(-1))
        return self._made[site]

    def single(self, site: Site, x: Tensor) -> Tensor | None:
        """The same of an input not yet pruned; None where it is not of a single token, or its mask
        takes more than a look at it."""
        if not _is_single(site, x) or (prune := self._plan(site).prune) is None:
            return None
        if x is not self._last or site not in self._made:
            self._make(site, x, prune(x.detach().numpy().reshape(-1)))
        return self._made[site]

    def _make(self, site: Site, given: Tensor, kept: np.ndarray) -> None:
        plan = self._plan(site)
        y, rows = product(plan.turned, kept)
        self._first = self._first or site  # a token comes to it once
        self.tokens += site is self._first
        self.read += rows * y.nbytes
        shaped = y.reshape((1,) * (given.dim() - 1) + y.shape)
        if given is not self._last:
            self._last, self._made = given, {}
        for one, part in plan.parts:
            self._made[one] = torch.from_numpy(shaped[..., part])

    def _plan(self, site: Site) -> Plan:
        if site not in self._plans:
            sites = tuple(self._sharing.get(site, (site,)))
            turned = torch.cat([one.weight for one in sites]).T.contiguous().numpy()
            prune = self._pruned.pruner(site)
            ends = list(accumulate((one.d_out for one in sites), initial=0))
            parts = [(one, slice(*cut)) for one, cut in zip(sites, pairwise(ends), strict=True)]
            self._plans[site] = Plan(parts, turned, prune)
        return self._plans[site]

    def _learn(self, site: Site, kept: Tensor) -> None:
        """Sites that are given one and the same tensor here are given the same input always."""
        if kept is not self._last:
            self._last, self._made, self._together = kept, {}, []
        if site not in self._sharing:
            self._together.append(site)
            self._sharing[site] = self._together


def _is_single(site: Site, x: Tensor) -> bool:
    """Whether its rows are skipped: experts are multiplied whole, each token having its own."""
    if site.is_expert:
        return False
    return x.numel() == site.d_in and x.device.type == "cpu" and x.dtype == torch.float32


@njit(nogil=True, error_model="numpy", cache=True, fastmath={"contract"})
def _add_rows(turned: Any, x: Any, y: Any, first: Any, last: Any) -> Any:
    """Columns first..last of the sum of rows; how many there are. A product and its addition may be
    one instruction."""
    rows = np.empty(x.size, u)
    count = u(0)
    for i in range(x.size):
        rows[count] = u(i)
        count += u(x[u(i)] != 0)
    start = first
    while start < last:
        stop = min(last, start + u(COLUMNS))
        for column in range(start, stop):
            y[u(column)] = 0
        done = u(0)
        while done + u(8) <= count:
            a, b, c, d = rows[done], rows[done + u(1)], rows[done + u(2)], rows[done + u(3)]
            done += u(4)
            e, f, g, h = rows[done], rows[done + u(1)], rows[done + u(2)], rows[done + u(3)]
            done += u(4)
            xa, xb, xc, xd = x[a], x[b], x[c], x[d]
            xe, xf, xg, xh = x[e], x[f], x[g], x[h]
            for column in range(start, stop):
                k = u(column)
                y[k] += (
                    (xa * turned[a, k] + xb * turned[b, k])
                    + (xc * turned[c, k] + xd * turned[d, k])
                    + (xe * turned[e, k] + xf * turned[f, k])
                    + (xg * turned[g, k] + xh * turned[h, k])
                )
        while done < count:
            a = rows[done]
            for column in range(start, stop):
                y[u(column)] += x[a] * turned[a, u(column)]
            done += u(1)
        start = stop
    return count
