"""How single tokens fare: counts over the tokens of a text, both targets side by side."""

from collections.abc import Mapping, Sequence
from math import isfinite, log10
from typing import Any

import plotly.graph_objects as go

from nmviz.core.pairing import floor_of
from nmviz.core.results import Column, Result
from nmviz.core.settings import TARGETS
from nmviz.core.tokenwise.tails import TokenCounts
from nmviz.views.shared.numbers import share, significant
from nmviz.views.shared.theme import COLOURS, DASHES, NAMES, empty, figure_of, ink

Results = Mapping[Column, Result]

OLD = (
    "Only means are known of these results, which were made before single tokens were looked at: "
    "run them again."
)
LATER = "What single tokens do comes when the run is whole."
NOTHING = "Nothing is measured here yet."


def kl_of_tokens(results: Results, *, dark: bool = False) -> go.Figure:
    """Share of the tokens by their KL(dense || pruned), both axes logarithmic."""
    counts = counts_of(results, "kl")
    if not counts:
        return empty(why_none(results), dark)
    known = {one: floor.kl for one in counts if (floor := floor_of(results[one]))}
    floors = {target: kl for target, kl in known.items() if kl > 0}
    title = "how far a prediction moved<br>(KL divergence of a token, nats)"
    ends = _ends(next(iter(counts.values())))
    low, high = ends[0], ends[-1]
    rules = [_rule(kl, "dot", COLOURS[target]) for target, kl in floors.items()]
    if floors:
        title += "<br>dotted: mean of what rounding alone does"
        low, high = min(low, *floors.values()), max(high, *floors.values())
    axis: dict[str, Any] = {
        "type": "log",
        "exponentformat": "power",
        "range": [log10(low), log10(high)],
    }
    axis |= {"title": {"text": title}, "dtick": 2, "tickangle": 0}
    return _outlines(counts, axis, rules, dark, kl_sentence(results))


def delta_p_of_tokens(results: Results, *, dark: bool = False) -> go.Figure:
    """Share of the tokens by the change of the right word's probability, on a log axis."""
    counts = counts_of(results, "delta_p")
    if not counts:
        return empty(why_none(results), dark)
    title = "change of the right word's probability<br>(delta p, pruned minus dense)"
    axis = {"title": {"text": title}, "range": [-1, 1], "zeroline": False}
    rules = [_rule(0, "solid", ink(dark).muted)]
    return _outlines(counts, axis, rules, dark, delta_p_sentence(results))


def counts_of(results: Results, metric: str) -> dict[Column, TokenCounts]:
    """The counts of every target that has some."""
    found: dict[Column, TokenCounts] = {}
    for target in TARGETS:
        of: tuple[TokenCounts, ...]
        of = results[target].token_counts if target in results else ()
        for counts in of:
            if counts.metric == metric and any(counts.counts):
                found[target] = counts
    return found


def why_none(results: Results) -> str:
    """Why there is nothing to draw."""
    if any(result.lacks_tails for result in results.values()):
        return OLD
    return LATER if any(result.partial for result in results.values()) else NOTHING


def kl_sentence(results: Results) -> str:
    """Where the middle token lies on either side, and the one in a hundred."""
    middle, far = _each(results, "kl_median"), _each(results, "kl_p99")
    if not middle:
        return "How far single predictions moved"
    worst = f"; one in a hundred moves by more than {far}" if far else ""
    return f"Half of the predictions move by less than {middle}{worst}"


def delta_p_sentence(results: Results) -> str:
    """How much one right word in twenty loses on either side."""
    lost = {target: told.value for target, told in _told(results, "delta_p_p05").items()}
    if not lost:
        return "How the right word's probability changed"
    parts = [f"{significant(max(-value, 0.0))} ({NAMES[one]})" for one, value in lost.items()]
    return f"One right word in twenty loses more than {' and '.join(parts)} of its probability"


def _told(results: Results, metric: str) -> dict[Column, Any]:
    found = {one: results[one].get(metric) for one in TARGETS if one in results}
    return {one: told for one, told in found.items() if told and isfinite(told.value)}


def _each(results: Results, metric: str) -> str:
    """`0.41 nats with activations and 1.9 with weights`."""
    told = _told(results, metric)
    parts = [f"{significant(one.value)} {{}}with {NAMES[target]}" for target, one in told.items()]
    units = ["nats ", *[""] * len(parts)]
    return " and ".join(part.format(unit) for part, unit in zip(parts, units, strict=False))


def _rule(x: float, dash: str, colour: str) -> dict[str, Any]:
    """A line across the figure at one place of its horizontal axis."""
    line = {"color": colour, "width": 1, "dash": dash}
    place = {"x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "y domain"}
    return {"type": "line", "layer": "below", "line": line, **place}


def _outlines(
    counts: Mapping[Column, TokenCounts],
    axis: Mapping[str, Any],
    rules: Sequence[Mapping[str, Any]],
    dark: bool,
    title: str,
) -> go.Figure:
    floor = min(0.5 / sum(one.counts) for one in counts.values())
    top = max(max(one.counts) / sum(one.counts) for one in counts.values())
    shares = {
        "title": {"text": "share of tokens a bin (log)"},
        "type": "log",
        "range": [log10(1.4 * floor), log10(2 * top)],
        "dtick": 1,
        "tickformat": "~%",
    }
    traces = [_outline(target, one, floor) for target, one in counts.items()]
    layout = {"xaxis": axis, "yaxis": shares, "shapes": rules, "hovermode": "closest"}
    return figure_of(traces, layout, dark, height=320, title=title)


def _outline(target: Column, counts: TokenCounts, floor: float) -> dict[str, Any]:
    """One target's bins; an empty one is drawn below the axis."""
    tokens = sum(counts.counts)
    heights = [max(count / tokens, floor) for count in counts.counts]
    ends = _ends(counts)
    bins = [
        [_reach_in_words(low, high), share(count / tokens), f"{count:,}"]
        for low, high, count in zip(counts.edges, counts.edges[1:], counts.counts, strict=False)
    ]
    name = NAMES[target]
    told = f"{name}, %{{customdata[0]}}: %{{customdata[1]}} of tokens (%{{customdata[2]}})"
    return {
        "type": "scatter",
        "x": ends,
        "y": [*heights, heights[-1]],
        "customdata": [*bins, bins[-1]],
        "mode": "lines",
        "name": name,
        "line": {"shape": "hv", "color": COLOURS[target], "dash": DASHES[target], "width": 2},
        "hovertemplate": f"{told}<extra></extra>",
    }


def _ends(counts: TokenCounts) -> Sequence[float]:
    """Ends of the bins as they are drawn: those without end on a log axis as wide as the next."""
    _first, *inner, last = counts.edges
    if isfinite(last):
        return counts.edges
    return (inner[0] ** 2 / inner[1], *inner, inner[-1] ** 2 / inner[-2])


def _reach_in_words(low: float, high: float) -> str:
    if not isfinite(high):
        return f"{low:.3g} and more"
    return f"below {high:.3g}" if low == 0 else f"{low:.2g} to {high:.2g}"
