"""Every criterion and mitigation at one layer, sorted by the error it leaves there."""

import re
import textwrap
from collections.abc import Collection, Mapping, Sequence
from math import isfinite, log10
from typing import Any

import plotly.graph_objects as go

from nmviz.core.results import MethodError
from nmviz.core.settings import TARGETS, Target
from nmviz.views.shared.log_axis import log_axis
from nmviz.views.shared.numbers import significant
from nmviz.views.shared.theme import COLOURS, DASHES, MARKERS, NAMES, empty, ink, name_rows, style

Chosen = Collection[tuple[Target, str]]

REFERENCE = "magnitude"
ROW = 22
LOG_FROM = 3.0
"""Errors that span more than this factor are drawn on a log axis: the random floor lies far off."""
WIDEST = 30.0
"""A log axis spans no more: a method that loses nothing stands at its edge."""
SMALLEST = 1e-4
"""An error below this is rounding."""


def method_errors(
    rows: Sequence[MethodError], *, dark: bool = False, chosen: Chosen = ()
) -> go.Figure:
    """One dot a method, the least error on top; lines mark magnitude alone on either side.

    Methods without a value stand below, grey, with the reason. Names in `chosen` are bold.
    """
    measured = by_error(rows)
    if not measured:
        return empty("No method has an error at this layer yet.", dark)
    missing = [row for row in rows if not is_measured(row)]
    figure = go.Figure(_traces(measured))
    style(
        figure, dark, height=96 + ROW * (len(measured) + len(missing)), title=errors_sentence(rows)
    )
    figure.update_layout(margin={"r": 16})
    if equal := [one for one in enumerate(measured) if one[1].equal_error is not None]:
        figure.add_trace(
            _equal_budget(equal, 0.0 if _is_linear(measured) else _edge(measured), dark)
        )
    for reference in filter(None, (_reference(measured, target) for target in TARGETS)):
        _line(figure, reference, len(measured), _edge(measured))
    _reasons(figure, missing, len(measured), dark)
    _axes(figure, measured, missing, chosen, dark)
    return figure


def is_measured(row: MethodError) -> bool:
    """Whether the row has an error that is a number."""
    return row.rel_error is not None and isfinite(row.rel_error)


def by_error(rows: Sequence[MethodError]) -> list[MethodError]:
    """The rows that have an error, the least first."""
    return sorted(filter(is_measured, rows), key=_error)


def label_of(row: MethodError) -> str:
    """The name of a method for a menu or an axis: its title up to the colon."""
    return row.registry.get(row.name).short_title if row.name in row.registry else row.name


def written(error: float, digits: int = 2) -> str:
    """An error in words of its own; what is rounding is not written out."""
    return significant(error, digits) if error >= SMALLEST else f"under {SMALLEST:.4f}"


def shortened(reason: str | None) -> str:
    """Why there is no value, in a few words: for an axis or a menu."""
    said = reason or "no number came out"
    if "calibrated" in said:
        return "to be calibrated first"
    only = re.search(r"works with (.+?) only", said)
    return textwrap.shorten(f"only with {only[1]}" if only else said, 40, placeholder=" ...")


def errors_sentence(rows: Sequence[MethodError]) -> str:
    """Such as `R-Sparse errs least at this layer: 0.16 against 0.20 for magnitude`."""
    measured = by_error(rows)
    if not measured:
        return ""
    best = {
        target: next((row for row in measured if row.target == target), None) for target in TARGETS
    }
    first = measured[0]
    said = [_against(first, _reference(measured, first.target), "at this layer")]
    other = next((row for target, row in best.items() if row and target != first.target), None)
    if other is not None:
        said[0] = f"For {NAMES[first.target]}, {said[0]}"
        said.append(
            f"for {NAMES[other.target]}, {_against(other, _reference(measured, other.target))}"
        )
    if left := len(rows) - len(measured):
        said.append(f"{left} not measured")
    text = "; ".join(said)
    return text[0].upper() + text[1:]


def _against(best: MethodError, reference: MethodError | None, where: str = "") -> str:
    where = f" {where}" if where else ""
    if reference is None:
        return f"{label_of(best)} errs least{where}: {written(_error(best))}"
    for digits in (2, 3):
        least, level = (written(_error(row), digits) for row in (best, reference))
        if least != level:
            return f"{label_of(best)} errs least{where}: {least} against {level} for {REFERENCE}"
    return f"nothing measured errs less than {REFERENCE}{where}: {written(_error(reference))}"


def _error(row: MethodError) -> float:
    return float(row.rel_error or 0.0)


def _reference(rows: Sequence[MethodError], target: Target) -> MethodError | None:
    return next(
        (r for r in rows if (r.target, r.kind, r.name) == (target, "criterion", REFERENCE)), None
    )


def _traces(measured: Sequence[MethodError]) -> list[go.Scatter]:
    """One trace a target and kind: filled for criteria, open for magnitude with a mitigation."""
    groups: dict[tuple[Target, str], list[int]] = {}
    for place, row in enumerate(measured):
        groups.setdefault((row.target, row.kind), []).append(place)
    return [
        _dots([measured[place] for place in groups[key]], groups[key], _edge(measured))
        for key in sorted(groups, key=lambda key: (TARGETS.index(key[0]), key[1]))
    ]


def _dots(rows: Sequence[MethodError], places: Sequence[int], edge: float) -> go.Scatter:
    target, repaired = rows[0].target, rows[0].kind == "mitigation"
    symbol = MARKERS[target] + ("-open" if repaired else "")
    return go.Scatter(
        x=[max(_error(row), edge) for row in rows],
        y=list(places),
        text=[written(_error(row), 3) for row in rows],
        customdata=[[label_of(row), written(_error(row), 4)] for row in rows],
        mode="markers+text",
        textposition="middle right",
        textfont={"size": 11},
        cliponaxis=False,
        name=f"{NAMES[target]}: {'magnitude, repaired' if repaired else 'criterion'}",
        marker={
            "color": COLOURS[target],
            "symbol": symbol,
            "size": 9,
            "line": {"width": 2 * repaired},
        },
        hovertemplate=f"{NAMES[target]}, %{{customdata[0]}}: %{{customdata[1]}}<extra></extra>",
    )


def _equal_budget(rows: Sequence[tuple[int, MethodError]], least: float, dark: bool) -> go.Scatter:
    """In the row of a method that adds multiply-adds, magnitude alone that spends as many."""
    errors = [row.equal_error or 0.0 for _, row in rows]
    told = [
        [label_of(row), written(error, 4)] for (_, row), error in zip(rows, errors, strict=True)
    ]
    return go.Scatter(
        x=[max(error, least) for error in errors],
        y=[place for place, _ in rows],
        customdata=told,
        mode="markers",
        cliponaxis=False,
        name="magnitude alone with as many multiply-adds",
        marker={"color": ink(dark).muted, "symbol": "line-ns-open", "size": 14},
        hovertemplate="Magnitude alone that spends as much as %{customdata[0]}: %{customdata[1]}"
        "<extra></extra>",
    )


def _line(figure: go.Figure, reference: MethodError, rows: int, edge: float) -> None:
    """Where the dot of magnitude alone is drawn."""
    target, place = reference.target, max(_error(reference), edge)
    figure.add_shape(
        type="line",
        x0=place,
        x1=place,
        y0=-0.6,
        y1=rows - 0.5,
        line={"color": COLOURS[target], "dash": DASHES[target], "width": 1},
        layer="below",
        opacity=0.7,
    )


def _reasons(figure: go.Figure, missing: Sequence[MethodError], first: int, dark: bool) -> None:
    for place, row in enumerate(missing, first):
        figure.add_annotation(
            text=shortened(row.reason),
            x=0,
            xref="paper",
            xanchor="left",
            xshift=6,
            y=place,
            showarrow=False,
            font={"color": ink(dark).muted, "size": 11},
        )


def _axes(
    figure: go.Figure,
    measured: Sequence[MethodError],
    missing: Sequence[MethodError],
    chosen: Chosen,
    dark: bool,
) -> None:
    muted = ink(dark).muted
    names = [_named(row, chosen) for row in measured]
    names += [f'<span style="color:{muted}">{_named(row, chosen)}</span>' for row in missing]
    name_rows(figure, names)
    title = "output error (share)<br>lines: magnitude alone"
    if any(row.added for row in measured):
        title += "<br>+: multiply-adds added, share of dense"
    figure.update_xaxes(title_text=title, zeroline=False, **_scale(measured))


def _named(row: MethodError, chosen: Chosen) -> str:
    added = f", +{row.added:.0%}" if row.added else ""
    name = f"{label_of(row)}{added}"
    return f"<b>{name}</b>" if (row.target, row.name) in chosen else name


def _scale(measured: Sequence[MethodError]) -> Mapping[str, Any]:
    """From zero where the errors are alike, else logarithmic, with room for the numbers."""
    high = _error(measured[-1])
    if _is_linear(measured):
        return {"range": [0, 1.25 * max(high, SMALLEST)]}
    low = _edge(measured)
    room = 0.22 * log10(high / low)
    return {**log_axis(low / 10 ** (room / 3), high * 10**room), "tickangle": 0}


def _edge(measured: Sequence[MethodError]) -> float:
    """The least error a log axis reaches down to; what is less is drawn there."""
    equal = [row.equal_error for row in measured if row.equal_error]
    lowest = min([_error(measured[0]), *equal])
    return max(lowest, _error(measured[-1]) / WIDEST, SMALLEST)


def _is_linear(measured: Sequence[MethodError]) -> bool:
    """Whether the errors are so alike that the axis begins at zero."""
    low, high = _error(measured[0]), _error(measured[-1])
    return high < SMALLEST or high / max(low, SMALLEST) <= LOG_FROM
