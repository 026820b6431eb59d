"""Uneven bins drawn equally wide, so that the crowd near zero and the outliers are both seen."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from nmviz.views.shared.numbers import significant

MOST_TICKS = 7


def is_uneven(edges: np.ndarray) -> bool:
    """True when the widest bin is more than half again as wide as the narrowest."""
    widths = np.diff(edges)
    return bool(len(widths)) and bool(widths.max() > 1.5 * widths.min())


def stretch(figure: go.Figure, edges: np.ndarray) -> None:
    """Move every trace from values to bins, and name the bins by their values at the ticks."""
    bins = np.arange(len(edges))
    for trace in figure.data:
        trace.x = [None if x is None else float(np.interp(x, edges, bins)) for x in trace.x]
    ticks = nice_ticks(edges)
    figure.update_xaxes(**_ticks([float(np.interp(tick, edges, bins)) for tick in ticks], ticks))


def nice_ticks(edges: np.ndarray) -> list[float]:
    """0, then 1 and 3 times powers of ten, as far apart as labels need; else the two ends."""
    bins = np.arange(len(edges))
    reach = max(abs(float(edges[0])), abs(float(edges[-1])))
    powers = [10.0**power for power in range(int(np.floor(np.log10(reach or 1.0))), -12, -1)]
    wanted = [sign * step * power for step in (1, 3) for power in powers for sign in (-1, 1)]
    chosen = [0.0] if edges[0] <= 0 <= edges[-1] else []
    apart = len(bins) / (MOST_TICKS + 1)
    for tick in (one for one in wanted if edges[0] <= one <= edges[-1]):
        place = np.interp(tick, edges, bins)
        if all(abs(place - np.interp(one, edges, bins)) >= apart for one in chosen):
            chosen.append(tick)
    return sorted(chosen) if len(chosen) > 1 else [float(edges[0]), float(edges[-1])]


def _ticks(places: list[float], ticks: list[float]) -> dict[str, Any]:
    return {"tickvals": places, "ticktext": [significant(tick, 1) for tick in ticks]}
