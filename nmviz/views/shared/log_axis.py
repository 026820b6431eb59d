"""Log axes: round numbers that can be read off them, however wide or narrow they are."""

from math import ceil, floor, log10
from typing import Any

MOST = 8
"""Ticks that stand beside each other without touching."""
FEWEST = 2


def log_axis(low: float, high: float) -> dict[str, Any]:
    """Settings of a log axis from `low` to `high`, both above 0 and apart."""
    ticks = log_ticks(low, high)
    return {
        "type": "log",
        "range": [log10(low), log10(high)],
        "tickvals": ticks,
        "ticktext": [f"{tick:,.12g}" for tick in ticks],
    }


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of every decade, or the 1 alone where those are many; where they are fewer than
    two, round numbers that are equally far apart."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    found: list[float] = []
    for steps in ((1, 2, 5), (1,)):
        every = [float(f"{step}e{power}") for power in powers for step in steps]
        found = [tick for tick in every if low <= tick <= high]
        if len(found) <= MOST:
            break
    found = found[:: ceil(len(found) / MOST) or 1]
    return found if len(found) >= FEWEST else _evenly(low, high)


def _evenly(low: float, high: float) -> list[float]:
    """Two to five multiples of 1, 2 or 5 times a power of ten."""
    least = (high - low) / 5
    power = floor(log10(least))
    steps = (float(f"{step}e{power}") for step in (1, 2, 5, 10))
    step = next(one for one in steps if one >= least)
    return [float(f"{step * n:.12g}") for n in range(ceil(low / step), floor(high / step) + 1)]
