"""Bits of metadata an entry over patterns, by scheme."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from nmviz.hardware.metadata import NVIDIA, Bits, bits
from nmviz.views.shared.theme import figure_of, ink
from nmviz.views.tradeoffs.known import marked

PATTERNS = ("1:4", "2:4", "4:8", "8:16", "16:32", "32:64")
SERIES = (
    ("index of every kept entry", "index", "#0072B2", "circle"),
    ("bitmap", "bitmap", "#4D4D4D", "square"),
    ("code of whole bits a group", "whole", "#009E73", "diamond"),
    ("least (entropy)", "entropy", "#CC79A7", "triangle-up"),
)


_GPUS = {"type": "line", "x0": 0, "x1": 1, "xref": "x domain", "y0": NVIDIA, "y1": NVIDIA}
_GPUS_SAID = {
    "text": "2:4 on NVIDIA GPUs",
    "x": 1,
    "xref": "paper",
    "y": NVIDIA,
    "xanchor": "right",
    "yanchor": "bottom",
    "showarrow": False,
}


def metadata_figure(chosen: str = "", *, dark: bool = False) -> go.Figure:
    """The usual patterns, and one more that is chosen. UserError where it is no N:M."""
    names = list(PATTERNS)
    if chosen and bits(chosen).name not in names:
        names.append(bits(chosen).name)
    every = [bits(name) for name in names]
    muted = ink(dark).muted
    layout = {
        "xaxis": {"title": {"text": "pattern, by what is kept"}, "type": "category"},
        "yaxis": {
            "title": {"text": f"bits an entry ({marked('counted')})"},
            "rangemode": "tozero",
        },
        "shapes": [_GPUS | {"line": {"color": muted, "dash": "dot", "width": 1.2}}],
        "annotations": [_GPUS_SAID | {"font": {"size": 11, "color": muted}}],
    }
    traces = [_series(every, *one) for one in SERIES]
    return figure_of(traces, layout, dark, height=340, title=_title(chosen))


def _series(
    every: Sequence[Bits], title: str, name: str, colour: str, symbol: str
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": [one.name for one in every],
        "y": [getattr(one, name) for one in every],
        "mode": "lines+markers",
        "name": title,
        "line": {"color": colour, "width": 1.4},
        "marker": {"symbol": symbol, "size": 8, "color": colour},
        "hovertemplate": "%{x}, " + title + ": %{y:.4g} bits an entry<extra></extra>",
    }


def _title(chosen: str) -> str:
    eight = bits(chosen) if chosen else bits("8:16")
    return (
        f"{eight.name} needs {eight.whole:.3g} bits an entry in whole bits a group; the 2:4 of "
        f"NVIDIA's GPUs spends {NVIDIA:g}"
    )
