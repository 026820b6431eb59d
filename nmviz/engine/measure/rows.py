"""What rows of logits say, compiled: each is read once or twice while it lies in the cache.

The exponential is a polynomial, exact to a few units in the last place of float32, since compiled
code cannot call a library's for many entries at once. Sums run in float32 over a few hundred
entries and in float64 over these.
"""

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from nmviz.engine.prune.kernels.compiling import compiled, in_parts
from nmviz.engine.prune.kernels.tokens import SUMS

CHUNK = 512  # entries between two sums in float64
LOG2_E = np.float32(1.4426950408889634)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)  # ln 2 is their sum
LOWEST = np.float32(-87.0)  # below it e^v is not told from 0
HALF, ONE = np.float32(0.5), np.float32(1)
C2, C3, C4, C5, C6, C7 = (np.float32(1 / n) for n in (2, 6, 24, 120, 720, 5040))  # 1 / n!
BIAS, MANTISSA = np.int32(127), np.int32(23)
INFINITE = np.int32(0x7F800000)
u = np.uint64


def fits(logits: Tensor) -> bool:
    """Whether compiled code handles these logits."""
    return logits.device.type == "cpu" and logits.dtype == torch.float32


@njit(nogil=True, error_model="numpy", cache=True, fastmath=SUMS)
def _exps(z: Any, low: Any, size: Any, less: Any, made: Any, powers: Any) -> None:
    """made[0:size] = e^(z[low:] - less), where no difference is above 1.

    e^v = 2^k e^r with r between -ln 2 / 2 and ln 2 / 2; `powers` are the bits of 2^k.
    """
    for i in range(size):
        v = max(z[u(low + i)] - less, LOWEST)
        k = np.floor(v * LOG2_E + HALF)
        r = (v - k * LN2_HIGH) - k * LN2_LOW
        tail = C2 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * C7))))
        made[u(i)] = (r * r * tail + r) + ONE
        powers[u(i)] = (np.int32(k) + BIAS) << MANTISSA
    scale = powers.view(np.float32)
    for i in range(size):
        made[u(i)] *= scale[u(i)]


@njit(nogil=True, error_model="numpy", cache=True, fastmath=SUMS | {"nnan", "nsz"})
def _largest(z: Any, low: Any, size: Any) -> Any:
    top = z[low]
    for i in range(size):
        top = max(top, z[u(low + i)])
    return top


@njit(nogil=True, error_model="numpy", cache=True, fastmath=SUMS)
def _total(z: Any, made: Any, powers: Any) -> Any:
    """logsumexp of a row of finite numbers, and the first of its largest entries."""
    top, best = z[0], 0
    for low in range(0, z.size, CHUNK):
        own = _largest(z, low, min(CHUNK, z.size - low))
        if own > top:
            top, best = own, low
    while z[u(best)] != top:
        best += 1
    total = np.float64(0)
    for low in range(0, z.size, CHUNK):
        size = min(CHUNK, z.size - low)
        _exps(z, low, size, top, made, powers)
        part = np.float32(0)
        for i in range(size):
            part += made[u(i)]
        total += part
    return np.log(total) + top, best


@compiled
def _finite(bits: Any) -> Any:
    """Whether no entry of a row has the exponent of infinity; `bits` are its floats as int32."""
    count = np.int32(0)
    for i in range(bits.size):
        count += np.int32((bits[u(i)] & INFINITE) == INFINITE)
    return count == 0


@compiled
def _totals(z: Any, log_total: Any, best: Any, first: Any, last: Any) -> None:
    made, powers = np.empty(CHUNK, np.float32), np.empty(CHUNK, np.int32)
    for row in range(first, last):
        if _finite(z[row].view(np.int32)):
            log_total[row], best[row] = _total(z[row], made, powers)
        else:
            log_total[row], best[row] = np.nan, 0


@njit(nogil=True, error_model="numpy", cache=True, fastmath=SUMS)
def _apart(z: Any, other: Any, log_total: Any, made: Any, powers: Any) -> Any:
    """Mean of z - other over a row under p, which is e^(z - log_total) brought to a sum of 1."""
    total = whole = np.float64(0)
    for low in range(0, z.size, CHUNK):
        size = min(CHUNK, z.size - low)
        _exps(z, low, size, log_total, made, powers)
        part, of_p = np.float32(0), np.float32(0)
        for i in range(size):
            part += made[u(i)] * (z[u(low + i)] - other[u(low + i)])
            of_p += made[u(i)]
        total, whole = total + part, whole + of_p
    return total / whole


@compiled
def _compared(
    z: Any, log_totals: Any, other: Any, out: Any, best: Any, first: Any, last: Any
) -> None:
    made, powers = np.empty(CHUNK, np.float32), np.empty(CHUNK, np.int32)
    for row in range(first, last):
        if not _finite(other[row].view(np.int32)):
            out[row, 0], out[row, 1], best[row] = np.nan, np.nan, 0
            continue
        total, best[row] = _total(other[row], made, powers)
        less = np.float32(log_totals[row])
        apart = _apart(z[row], other[row], less, made, powers)
        out[row, 0], out[row, 1] = total, apart - log_totals[row] + total


def totals(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Of logits float32 [tokens, vocabulary] the logsumexp of each row, float64 [tokens], nan where
    an entry is not finite, and its likeliest token, the first of equals, int64 [tokens]."""
    z = logits.numpy()
    log_total, best = np.empty(len(z)), np.empty(len(z), np.int64)

    def part(first: int, last: int) -> bool:
        _totals(z, log_total, best, first, last)
        return False

    in_parts(part, len(z), z.size)
    return torch.from_numpy(log_total), torch.from_numpy(best)


def compared(dense: Tensor, log_total: Tensor, pruned: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of each row of two models' logits, float32 [tokens, vocabulary]: the pruned one's logsumexp,
    KL(dense || pruned), both float64 [tokens], and the pruned one's likeliest token.

    KL is the mean under p of the logits' difference, less the difference of their log totals: no
    logarithm of a small probability is taken.
    """
    z, other, totals = dense.numpy(), pruned.numpy(), log_total.numpy()
    out, best = np.empty((len(z), 2)), np.empty(len(z), np.int64)

    def part(first: int, last: int) -> bool:
        _compared(z, totals, other, out, best, first, last)
        return False

    in_parts(part, len(z), z.size)
    made = torch.from_numpy(out)
    return made[:, 0], made[:, 1], torch.from_numpy(best)
