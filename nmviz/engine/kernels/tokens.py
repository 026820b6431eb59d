"""What is done to whole tokens beside the mask, compiled: the shift, and the variance.

Every loop runs over one token, given as an array of its own, so that LLVM sees plain strides.
"""

from typing import Any

import numpy as np
from numba import njit

from nmviz.engine.kernels.compiling import compiled

SUMS = {"reassoc", "contract"}  # a sum may be taken in any order


@njit(nogil=True, error_model="numpy", cache=True, fastmath=SUMS)
def _variance(token: Any) -> Any:
    """Unbiased variance, in the width of the floats; the mean is taken first."""
    total = token.dtype.type(0)
    for i in range(token.size):
        total += token[i]
    mean = token.dtype.type(total / token.size)
    squares = token.dtype.type(0)
    for i in range(token.size):
        squares += (token[i] - mean) * (token[i] - mean)
    return squares / (token.size - 1)


@compiled
def _subtract(token: Any, eta: Any, out: Any) -> None:
    for i in range(token.size):
        out[i] = token[i] - eta


@compiled
def _subtract_each(token: Any, etas: Any, out: Any) -> None:
    for i in range(token.size):
        out[i] = token[i] - etas[i]


@compiled
def _scale_and_add(token: Any, factor: Any, eta: Any) -> None:
    for i in range(token.size):
        token[i] = token[i] * factor + eta


@compiled
def _scale_and_add_each(token: Any, factor: Any, etas: Any) -> None:
    for i in range(token.size):
        token[i] = token[i] * factor + etas[i]


@compiled
def take_away(x: Any, etas: Any, width: Any, out: Any, spread: Any, count: Any) -> None:
    """The first tokens of x without their shifts to out, and the variance of each to spread.

    etas has a shift a token.
    """
    for row in range(count):
        at = row * width
        token = out[at : at + width]
        _subtract(x[at : at + width], etas[row], token)
        if spread.size:
            spread[row] = _variance(token)


@compiled
def take_away_each(x: Any, etas: Any, width: Any, out: Any, spread: Any, count: Any) -> None:
    """`take_away` with a shift a channel, etas [width]."""
    for row in range(count):
        at = row * width
        token = out[at : at + width]
        _subtract_each(x[at : at + width], etas, token)
        if spread.size:
            spread[row] = _variance(token)


@compiled
def _factor(token: Any, spread: Any, least: Any) -> Any:
    return token.dtype.type(np.sqrt(spread / max(_variance(token), least)))


@compiled
def give_back(out: Any, etas: Any, width: Any, spread: Any, least: Any, count: Any) -> None:
    """The first tokens of out scaled to the variance they had, and their shifts put back."""
    for row in range(count):
        token = out[row * width : (row + 1) * width]
        factor = _factor(token, spread[row], least) if spread.size else out.dtype.type(1)
        _scale_and_add(token, factor, etas[row])


@compiled
def give_back_each(out: Any, etas: Any, width: Any, spread: Any, least: Any, count: Any) -> None:
    """`give_back` with a shift a channel, etas [width]."""
    for row in range(count):
        token = out[row * width : (row + 1) * width]
        factor = _factor(token, spread[row], least) if spread.size else out.dtype.type(1)
        _scale_and_add_each(token, factor, etas)
