"""The roofline of a machine, with the work of a model on it, dense and pruned."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

import plotly.graph_objects as go

from nmviz.hardware.accelerators import Accelerator
from nmviz.hardware.known import Knowledge
from nmviz.views.shared.theme import COLOURS, empty, ink, style
from nmviz.views.tradeoffs.known import marked

LEAST, MOST = 0.3, 10_000.0
COLOUR = {"dense": "#4D4D4D", "weight": COLOURS["weight"], "activation": COLOURS["activation"]}
SYMBOL = {"dense": "diamond", "weight": "square", "activation": "circle"}


@dataclass(frozen=True)
class OnRoof:
    """One piece of work: operations a byte, tera-operations a second of dense work that the bound
    allows, in words; `series` is what is pruned."""

    name: str
    series: str
    target: str
    intensity: float
    rate: float
    known: Knowledge


def roofline_figure(
    machine: Accelerator, dtype: str, work: Sequence[OnRoof], *, dark: bool = False
) -> go.Figure:
    """Both limits as lines; what lies on the slope waits for the memory."""
    peak, bandwidth = machine.peak.get(dtype), machine.bandwidth
    if peak is None or bandwidth is None:
        lacks = (
            f"The sheet of {machine.title} has no peak in {dtype}"
            if peak is None
            else (f"The sheet of {machine.title} has no bandwidth")
        )
        return empty(f"{lacks}: choose another data type or machine.", dark)
    ridge = 1000 * peak / bandwidth
    roof = [(LEAST, LEAST * bandwidth / 1000), (ridge, peak), (MOST, peak)]
    traces = [_line(roof, f"peak in {dtype}, dense", "solid", dark)]
    if machine.sparse:
        twice = [(LEAST, roof[0][1]), (2 * ridge, 2 * peak), (MOST, 2 * peak)]
        traces.insert(0, _line(twice, f"units for {machine.sparse}", "dash", dark))
    for series in dict.fromkeys(one.series for one in work):
        traces.append(_points([one for one in work if one.series == series]))
    figure = style(go.Figure(traces), dark, height=380, title=_title(machine, dtype, ridge))
    figure.update_xaxes(
        title_text="operations a byte",
        type="log",
        range=[log10(LEAST), log10(MOST)],
    )
    figure.update_yaxes(
        title_text=f"tera-operations a second ({marked('bounded')})",
        type="log",
        range=[log10(LEAST * bandwidth / 1000), log10(4 * peak)],
    )
    return figure


def _line(points: Sequence[tuple[float, float]], name: str, dash: str, dark: bool) -> go.Scatter:
    return go.Scatter(
        x=[x for x, _ in points],
        y=[y for _, y in points],
        mode="lines",
        name=name,
        line={"color": ink(dark).muted, "dash": dash, "width": 1.6},
        hoverinfo="skip",
    )


def _points(work: Sequence[OnRoof]) -> go.Scatter:
    colour = COLOUR[work[0].target]
    return go.Scatter(
        x=[one.intensity for one in work],
        y=[one.rate for one in work],
        mode="markers",
        name=work[0].series,
        marker={
            "symbol": SYMBOL[work[0].target],
            "size": 10,
            "color": colour,
            "line": {"width": 2, "color": colour},
        },
        customdata=[f"{one.name}, {one.series} ({marked(one.known)})" for one in work],
        hovertemplate=(
            "%{customdata}<br>%{x:.3g} operations a byte, at most %{y:.3g} tera-operations a "
            "second of dense work<extra></extra>"
        ),
    )


def _title(machine: Accelerator, dtype: str, ridge: float) -> str:
    return f"{machine.title} in {dtype} waits for its memory below {ridge:,.0f} operations a byte"
