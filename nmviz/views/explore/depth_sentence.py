"""The sentence above error over depth: where each side starts and whether it grows."""

from collections.abc import Mapping

import numpy as np

from nmviz.core.settings import Target
from nmviz.views.shared.numbers import significant, times
from nmviz.views.shared.theme import NAMES

ALIKE = 1.1
"""Two levels within this factor are called alike."""

Line = Mapping[int, float]


def depth_sentence(lines: Mapping[Target, Line], noun: str) -> str:
    """Such as `Error grows with depth for both; weights start 4.1 times as high`."""
    trend = _trends(lines, noun)
    if len(lines) == 1:
        ((target, line),) = lines.items()
        at = f"at {significant(line[min(line)])} in block {min(line)}"
        return f"{trend}, starting {at}" if trend else f"{noun} for {NAMES[target]} starts {at}"
    start = _start(lines["weight"], lines["activation"])
    return f"{trend}; {start}" if trend else f"{noun}: {start}"


def trend_of(line: Line) -> str | None:
    """Grows, shrinks or stays level, else where the peak is, if any; None below four blocks.

    By the last third against the first and the rank correlation with depth. A peak is higher than
    every other block by more than what is called alike.
    """
    values = np.array([line[block] for block in sorted(line)])
    if len(values) < 4:
        return None
    third = len(values) // 3
    first, last = float(np.median(values[:third])), float(np.median(values[-third:]))
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    steady = float(np.corrcoef(np.arange(len(values)), ranks)[0, 1])
    if last > ALIKE * first and steady >= 0.5:
        return "grows with depth"
    if first > ALIKE * last and steady <= -0.5:
        return "shrinks with depth"
    if values.max() <= ALIKE * ALIKE * values.min():
        return "stays level"
    second, highest = np.sort(values)[-2:]
    if highest <= ALIKE * second:
        return "stays about level" if _alike(values) else "has no clear peak"
    return f"peaks in block {max(line, key=lambda block: line[block])}"


def _alike(values: np.ndarray) -> bool:
    """Whether the medians of the first, the middle and the last third are alike."""
    medians = [float(np.median(part)) for part in np.array_split(values, 3)]
    return max(medians) <= ALIKE * min(medians)


def _trends(lines: Mapping[Target, Line], noun: str) -> str:
    trends = {NAMES[target]: trend_of(line) for target, line in lines.items()}
    if None in trends.values():
        return ""
    if len(trends) == 2 and len(set(trends.values())) == 1:
        return f"{noun} {next(iter(trends.values()))} for both"
    said = [f"{trend} for {name}" for name, trend in trends.items()]
    if all(one.startswith("peaks ") for one in said):
        said[1:] = [one.removeprefix("peaks ") for one in said[1:]]
    return f"{noun} {' and '.join(said)}"


def _start(weights: Line, activations: Line) -> str:
    """Both sides in the first block that both have."""
    shared = set(weights) & set(activations)
    if not shared:
        return "weights and activations are pruned in different blocks"
    weight, activation = weights[min(shared)], activations[min(shared)]
    high, low = max(weight, activation), min(weight, activation)
    if high <= ALIKE * low:
        return "both start alike"
    higher, lower = (
        ("weights", "activations") if weight > activation else ("activations", "weights")
    )
    if low <= 0:
        return f"{higher} start at {significant(high)}, {lower} at 0"
    return f"{higher} start {times(high / low)} as high"
