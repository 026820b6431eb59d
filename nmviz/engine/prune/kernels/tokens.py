"""The variance of whole tokens, before and after the mask, compiled."""

from typing import Any

import numpy as np
from numba import njit

from nmviz.engine.prune.kernels.compiling import compiled

SUMS = {"reassoc", "contract"}  # a sum may be taken in any order


@njit(nogil=True, error_model="numpy", cache=True, fastmath=SUMS)
def _variance(token: Any) -> Any:
    """Unbiased variance, in the width of the floats; the mean is taken first.

    Counted from the first entry, so that a token of equal entries has none, not a rounding error.
    """
    origin, total = token[0], token.dtype.type(0)
    for i in range(token.size):
        total += token[i] - origin
    mean = token.dtype.type(total / token.size)
    squares = token.dtype.type(0)
    for i in range(token.size):
        apart = (token[i] - origin) - mean
        squares += apart * apart
    return squares / (token.size - 1)


@compiled
def scale(before: Any, after: Any, least: Any) -> Any:
    """What brings the variance of a token after up to that of before. A variance left is taken to
    be at least `least`."""
    return np.sqrt(_variance(before) / max(_variance(after), least))
