"""Error by layer of two results, and below it their difference."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nmviz.core.results import Result
from nmviz.views.explore.error_depth import medians, sites_of
from nmviz.views.shared.numbers import share
from nmviz.views.shared.theme import Ink, empty, figure_of, ink
from nmviz.views.tray.colours import Look, looks_of
from nmviz.views.tray.titles import short_of

Place = tuple[int, str]
Errors = Mapping[Place, float]
HEIGHT, HEIGHT_OF_ONE = 470, 300
APART = 0.18
"""How far the points of two results stand from the middle of their block."""
NONE_TO_DRAW = "No error of a layer is known of either: it is measured when a model runs here."
OF_TWO_MODELS = "They are of different models: their blocks are drawn beside each other"


def layer_errors(
    a: Result, b: Result, selected: Place | None = None, dark: bool = False
) -> go.Figure:
    """Relative output error of every layer over block index, A and B, the median of a block as a
    line; below, of one model, A minus B layer by layer. `selected` is ringed."""
    one, other = errors_of(a), errors_of(b)
    if not one and not other:
        return empty(NONE_TO_DRAW, dark)
    inks = ink(dark)
    apart = differences(a, b)
    traces: list[dict[str, Any]] = []
    looks = looks_of(a.experiment, b.experiment, inks)
    traces += _side(a, one, looks[0], -APART) + _side(b, other, looks[1], APART)
    if apart:
        traces += _apart(apart, inks)
    traces += _rings((one, other), apart, selected, inks.text)
    height = HEIGHT if apart else HEIGHT_OF_ONE
    return figure_of(traces, _layout(bool(apart)), dark, height=height, title=sentence(a, b))


def errors_of(result: Result) -> Errors:
    """By block and projection."""
    return {(one.block, one.projection): one.rel_error for one in sites_of(result)}


def differences(a: Result, b: Result) -> dict[Place, float]:
    """A minus B of every layer that both know, where they are of one model."""
    if a.experiment.model != b.experiment.model:
        return {}
    one, other = errors_of(a), errors_of(b)
    return {place: one[place] - other[place] for place in one if place in other}


def sentence(a: Result, b: Result) -> str:
    """In how many layers A errs more, and where the two lie furthest apart."""
    apart = differences(a, b)
    if a.experiment.model != b.experiment.model:
        return OF_TWO_MODELS
    if not apart:
        return "They have no layer in common of which both know the error"
    more = sum(value > 0 for value in apart.values())
    furthest = max(apart, key=lambda place: abs(apart[place]))
    one, other = errors_of(a)[furthest], errors_of(b)[furthest]
    if one == other:
        return f"Both err alike in all {len(apart)} layers"
    block, projection = furthest
    return (
        f"A errs more in {more} of {len(apart)} layers; they are furthest apart in block {block}, "
        f"{projection}: {share(one)} and {share(other)} of the output"
    )


def _side(result: Result, errors: Errors, look: Look, shift: float) -> list[dict[str, Any]]:
    called = f"{look.letter}: {short_of(result.experiment)}"
    dots = {
        "type": "scatter",
        "x": [block + shift for block, _ in errors],
        "y": list(errors.values()),
        "customdata": [[block, projection] for block, projection in errors],
        "mode": "markers",
        "showlegend": False,
        "opacity": 0.45,
        "marker": {"color": look.colour, "symbol": look.marker, "size": 5},
        "hovertemplate": f"{look.letter}, block %{{customdata[0]}}, %{{customdata[1]}}: "
        "%{y:.3f}<extra></extra>",
    }
    line = {
        "type": "scatter",
        **_medians(errors),
        "mode": "lines",
        "name": called,
        "line": {"color": look.colour, "dash": look.dash, "width": 2.5},
        "hovertemplate": f"{look.letter}, block %{{x}}, median: %{{y:.3f}}<extra></extra>",
    }
    return [dots, line] if errors else []


def _apart(apart: Errors, inks: Ink) -> list[dict[str, Any]]:
    dots = {
        "type": "scatter",
        "yaxis": "y2",
        "x": [block for block, _ in apart],
        "y": list(apart.values()),
        "customdata": [[block, projection] for block, projection in apart],
        "mode": "markers",
        "showlegend": False,
        "opacity": 0.6,
        "marker": {"color": inks.muted, "symbol": "diamond", "size": 5},
        "hovertemplate": "A minus B, block %{customdata[0]}, %{customdata[1]}: %{y:+.3f}"
        "<extra></extra>",
    }
    line = {
        "type": "scatter",
        "yaxis": "y2",
        **_medians(apart),
        "mode": "lines",
        "name": "A minus B",
        "line": {"color": inks.text, "dash": "dot", "width": 2},
        "hovertemplate": "A minus B, block %{x}, median: %{y:+.3f}<extra></extra>",
    }
    return [dots, line]


def _medians(errors: Errors) -> dict[str, list[float]]:
    line = medians((block, value) for (block, _), value in errors.items())
    return {"x": [*line], "y": [*line.values()]}


def _rings(
    sides: Sequence[Errors], apart: Errors, selected: Place | None, colour: str
) -> list[dict[str, Any]]:
    """What is chosen, in both panels."""
    shown = [(errors, "y", shift) for errors, shift in zip(sides, (-APART, APART), strict=True)]
    rings = []
    for errors, axis, shift in (*shown, (apart, "y2", 0.0)):
        if selected in errors and selected is not None:
            rings.append(
                {
                    "type": "scatter",
                    "yaxis": axis,
                    "x": [selected[0] + shift],
                    "y": [errors[selected]],
                    "mode": "markers",
                    "showlegend": False,
                    "hoverinfo": "skip",
                    "marker": {"symbol": "circle-open", "size": 14, "color": colour},
                }
            )
    return rings


def _layout(two: bool) -> dict[str, Any]:
    below = "block (0 = first)<br>dots: every layer, line: median of the block"
    plain = {"showgrid": False, "zeroline": False}
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": below}, "anchor": "y2" if two else "y", **plain},
        "yaxis": {"title": {"text": "output error (share)"}, "rangemode": "tozero"},
    }
    if two:
        layout["yaxis"]["domain"] = [0.45, 1]
        layout["yaxis2"] = {
            "title": {"text": "A minus B (share)"},
            "domain": [0, 0.36],
            "zeroline": True,
            "zerolinewidth": 2,
        }
    return layout
