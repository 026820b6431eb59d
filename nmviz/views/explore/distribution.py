"""Distribution of a layer's inputs (or weights), before and after the mask."""

from math import isfinite, log10
from typing import Any

import numpy as np
import plotly.graph_objects as go

from nmviz.core.results import Histogram, SiteLook
from nmviz.views.explore.stretch import is_uneven, stretch
from nmviz.views.shared.numbers import share, significant
from nmviz.views.shared.theme import COLOURS, empty, ink, style

FLOOR = 0.5
"""Where an empty bin is drawn: below the axis, which begins between this and one entry."""


def distribution(look: SiteLook, *, dark: bool = False) -> go.Figure:
    """Counts on a log axis: before as an outline, kept and dropped apart, the pile at zero."""
    counts = look.inputs
    total = int(counts.kept.sum() + counts.dropped.sum())
    if not total:
        return empty("This layer has no entries to show.", dark)
    inks, colour = ink(dark), COLOURS[look.target]
    before = counts.kept + counts.dropped
    figure = go.Figure()
    figure.add_trace(_steps(counts, before, "before", inks.dense, "dot", fill=False))
    figure.add_trace(_steps(counts, counts.dropped, "dropped", inks.muted, "dash", fill=True))
    figure.add_trace(_steps(counts, counts.kept, "kept", colour, "solid", fill=True))
    dropped = int(counts.dropped.sum())
    if dropped:
        figure.add_trace(_pile(counts, dropped, colour))
    top = 3 * max(float(before.max()), dropped)
    cut = cut_of(look)
    figure.add_traces(_rules(counts.shift, cut, top, inks.text))
    style(figure, dark, height=320, title=_title(look, dropped / total))
    figure.update_layout(hovermode="x unified")
    _axes(figure, look, top, cut)
    return figure


def cut_of(look: SiteLook) -> float | None:
    """The cut, where it is a distance on the axis of values; None under any other score.

    Judged from the window of the mask: there every score must be the distance of its value from
    one place a row (0, or what a shift took away).
    """
    cut, values, scores = look.inputs.cut, look.mask.values, look.mask.scores
    if cut is None or not isfinite(cut) or not values.size:
        return None
    if look.inputs.shift is None:
        centres = [np.zeros_like(values[:, :1])]
    else:
        centres = [values[:, :1] - scores[:, :1], values[:, :1] + scores[:, :1]]
    slack = 1e-5 * float(np.abs(values).max())
    fits = [
        np.isclose(np.abs(values - centre), scores, rtol=1e-3, atol=slack).all(axis=1)
        for centre in centres
    ]
    return cut if np.any(fits, axis=0).all() else None


def _steps(
    counts: Histogram, heights: np.ndarray, name: str, colour: str, dash: str, fill: bool
) -> go.Scatter:
    """One outline over the bins; `customdata` has the true counts, also of empty bins."""
    drawn = np.maximum(heights.astype(float), FLOOR)
    return go.Scatter(
        x=counts.edges,
        y=np.append(drawn, drawn[-1]),
        customdata=_bins(counts, heights),
        mode="lines",
        name=name,
        line={"shape": "hv", "color": colour, "dash": dash, "width": 1.5},
        fill="tozeroy" if fill else None,
        hovertemplate=f"{name}, %{{customdata[1]}}: %{{customdata[0]:,}}<extra></extra>",
    )


def _bins(counts: Histogram, heights: np.ndarray) -> list[list[int | str]]:
    """The true count of every bin and its reach; the last one twice, as it is drawn."""
    pairs = zip(counts.edges[:-1], counts.edges[1:], strict=True)
    reaches = [f"{low:.3g} to {high:.3g}" for low, high in pairs]
    bins: list[list[int | str]] = [
        [int(count), reach] for count, reach in zip(heights, reaches, strict=True)
    ]
    return [*bins, bins[-1]]


def _pile(counts: Histogram, dropped: int, colour: str) -> go.Scatter:
    """After the mask all dropped entries stand in one place."""
    place = counts.shift or 0.0
    return go.Scatter(
        x=[place, place],
        y=[FLOOR, dropped],
        mode="lines+markers",
        name="pile at 0" if counts.shift is None else "pile at shift",
        line={"color": colour, "width": 3},
        marker={"symbol": "triangle-up", "size": [0, 12], "opacity": 1, **_flat(colour)},
        hovertemplate=f"after: {dropped:,} entries at {significant(place)}<extra></extra>",
    )


def _flat(colour: str) -> dict[str, Any]:
    return {"color": colour, "line": {"width": 0}}


def _rules(shift: float | None, cut: float | None, top: float, colour: str) -> list[go.Scatter]:
    """Shift and cut as lines named in the legend, where their labels cannot collide."""
    centre = shift or 0.0
    rules = []
    if shift is not None:
        rules.append(_rule([centre], top, f"shift {significant(shift)}", colour, "longdash"))
    if cut is not None:
        name = f"cut ±{significant(cut)}"
        rules.append(_rule([centre - cut, centre + cut], top, name, colour, "dashdot"))
    return rules


def _rule(places: list[float], top: float, name: str, colour: str, dash: str) -> go.Scatter:
    return go.Scatter(
        x=[x for place in places for x in (place, place, None)],
        y=[y for _ in places for y in (FLOOR, top, None)],
        mode="lines",
        name=name,
        line={"color": colour, "dash": dash, "width": 1},
        hoverinfo="skip",
    )


def _axes(figure: go.Figure, look: SiteLook, top: float, cut: float | None) -> None:
    rows = "tokens" if look.target == "activation" else "rows"
    below = "" if cut is None else f"<br>cut: least score kept, median of {rows}"
    uneven = is_uneven(look.inputs.edges)
    figure.update_xaxes(
        title_text=f"value of the {_entry(look)}{', finer near 0' if uneven else ''}{below}",
        unifiedhovertitle={"text": "entries of a bin"},
        zeroline=False,
        showgrid=False,
    )
    if uneven:
        stretch(figure, look.inputs.edges)
    figure.update_yaxes(
        title_text="entries a bin (log)",
        type="log",
        range=[log10(0.7), log10(top)],
        dtick=1,
        exponentformat="SI",
    )


def _title(look: SiteLook, dropped: float) -> str:
    what = f"{_entry(look)}s"
    if not dropped:
        return f"All {what} are kept"
    part = "Half" if abs(dropped - 0.5) < 0.005 else share(dropped)
    shift = look.inputs.shift
    place = "0" if shift is None else f"the shift taken from them ({significant(shift)} on average)"
    moved = f"; the output moves by {share(look.rel_error)} of its size"
    return f"{part} of the {what} become {place}" + (moved if isfinite(look.rel_error) else "")


def _entry(look: SiteLook) -> str:
    if look.target == "weight":
        return "weight"
    return "turned input" if look.turned else "input"
