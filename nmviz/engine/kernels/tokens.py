"""What is done to whole tokens beside the mask, compiled: the shift, and the variance."""

from typing import Any

import numpy as np
from numba import njit

u = np.uint64


@njit(nogil=True, error_model="numpy", cache=True, fastmath={"reassoc", "contract"})
def variance(x: Any, at: Any, width: Any) -> Any:
    """Unbiased variance of x[at:at + width]; its sums are taken in any order."""
    total = 0.0
    for i in range(width):
        total += x[at + u(i)]
    mean = x.dtype.type(total / width)
    squares = 0.0
    for i in range(width):
        squares += (x[at + u(i)] - mean) * (x[at + u(i)] - mean)
    return squares / (width - u(1))


@njit(nogil=True, error_model="numpy", cache=True)
def take_away(
    x: Any, of_row: Any, of_channel: Any, out: Any, spread: Any, first: Any, last: Any
) -> None:
    """Rows first..last of x without their shifts to out, and the variance of each to spread."""
    width = u(of_channel.size)
    for row in range(first, last):
        at = u(row) * width
        for i in range(width):
            out[at + u(i)] = x[at + u(i)] - of_row[u(row)] - of_channel[u(i)]
        if spread.size:
            spread[u(row)] = variance(out, at, width)


@njit(nogil=True, error_model="numpy", cache=True)
def give_back(
    out: Any, of_row: Any, of_channel: Any, spread: Any, least: Any, first: Any, last: Any
) -> None:
    """Rows first..last of out scaled up to the variance they had, and their shifts put back."""
    width = u(of_channel.size)
    for row in range(first, last):
        at = u(row) * width
        factor = out.dtype.type(1)
        if spread.size:
            left = max(variance(out, at, width), least)
            factor = out.dtype.type(np.sqrt(spread[u(row)] / left))
        for i in range(width):
            out[at + u(i)] = out[at + u(i)] * factor + of_row[u(row)] + of_channel[u(i)]
