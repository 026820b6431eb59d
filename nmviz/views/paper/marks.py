"""Points, lines, bars and their errors on paper."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D

from nmviz.views.paper.inks import CLEAR, Ink
from nmviz.views.paper.panels import Panel
from nmviz.views.paper.sheet import Sheet
from nmviz.views.paper.words import each, first, plain

SYMBOLS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "cross": "P",
    "x": "X",
    "triangle-up": "^",
    "triangle-down": "v",
    "triangle-left": "<",
    "triangle-right": ">",
    "pentagon": "p",
    "hexagon": "h",
    "star": "*",
    "bowtie": "d",
    "hourglass": "8",
    "line-ns": "|",
    "line-ew": "_",
}
DASHES: Mapping[str, Any] = {
    "solid": "-",
    "dot": (0, (1, 1.6)),
    "dash": (0, (4, 2)),
    "longdash": (0, (7, 2.5)),
    "dashdot": (0, (4, 1.6, 1, 1.6)),
    "longdashdot": (0, (7, 1.6, 1, 1.6)),
}
STEPS = {"hv": "steps-post", "vh": "steps-pre", "hvh": "steps-mid", "vhv": "steps-mid"}
UNFILLED = ("|", "_")
FILLED = 0.3
"""How dense the area below a line is; of 1."""
SIDES = {"left": "right", "right": "left", "center": "center"}

Trace = Mapping[str, Any]


def numbers(values: Any) -> np.ndarray:
    """Values as numbers, float64; what is none is NaN."""
    return np.array([np.nan if one is None else float(one) for one in values], dtype=float)


def scatter(panel: Panel, trace: Trace, name: str, sheet: Sheet, ink: Ink) -> None:
    """Lines, points, words and error bars of one trace; `name` is what its parts are found by."""
    x, y = (numbers(panel.places(one, list(trace.get(one, ())))) for one in ("x", "y"))
    mode = str(trace.get("mode") or "lines+markers")
    _errors(panel, trace, (x, y), name, sheet, ink)
    if "lines" in mode:
        _line(panel, trace, (x, y), name, sheet, ink)
    if "markers" in mode:
        _points(panel, trace, (x, y), name, sheet, ink)
    if "text" in mode:
        _texts(panel, trace, (x, y), name, sheet, ink)


def bars(panel: Panel, trace: Trace, name: str, sheet: Sheet, ink: Ink) -> None:
    """Bars of one trace, each from its base."""
    x, y = numbers(trace["x"]), numbers(trace["y"])
    base = numbers(each(trace.get("base"), len(x), 0.0))
    marker = trace.get("marker") or {}
    colours = [ink(one) for one in each(marker.get("color"), len(x), "#4D4D4D")]
    made = panel.axes.bar(
        x, y, width=first(trace.get("width"), 0.8), bottom=base, color=colours, linewidth=0
    )
    for patch in made:
        patch.set_gid(f"{name}-bar")


def sample(trace: Trace, sheet: Sheet, ink: Ink) -> Line2D:
    """What stands in the legend beside the name of a trace."""
    mode, line = str(trace.get("mode") or "lines+markers"), trace.get("line") or {}
    marker = trace.get("marker") or {}
    has_points = "markers" in mode
    symbol = str(_one(marker.get("symbol"), "circle"))
    colour = ink(_one(first(marker.get("color"), line.get("color")), "#000000"))
    shape, is_open = _shape(symbol)
    return Line2D(
        [],
        [],
        color=ink(first(line.get("color"), _one(marker.get("color"), "#000000"))),
        linestyle=DASHES.get(line.get("dash") or "solid", "-") if "lines" in mode else "none",
        linewidth=sheet.scale * first(line.get("width"), 2),
        marker=shape if has_points else "none",
        markersize=sheet.scale * min(float(_one(marker.get("size"), 6)) or 6, 10),
        markerfacecolor=CLEAR if is_open else colour,
        markeredgecolor=colour,
        markeredgewidth=0.8 if is_open or shape in UNFILLED else 0,
    )


def _line(panel: Panel, trace: Trace, at: Any, name: str, sheet: Sheet, ink: Ink) -> None:
    line, (x, y) = trace.get("line") or {}, at
    colour = ink(first(line.get("color"), "#000000"))
    step = STEPS.get(line.get("shape") or "", "default")
    drawn = panel.axes.plot(
        x,
        y,
        color=colour,
        linestyle=DASHES.get(line.get("dash") or "solid", "-"),
        linewidth=sheet.scale * first(line.get("width"), 2),
        drawstyle=step,
        alpha=trace.get("opacity"),
        clip_on=trace.get("cliponaxis") is not False,
        zorder=2.2,
    )
    drawn[0].set_gid(f"{name}-line")
    if trace.get("fill"):
        where = {"steps-post": "post", "steps-pre": "pre", "steps-mid": "mid"}.get(step)
        low = min(0.0, float(np.nanmin(y))) if panel.y.get("type") != "log" else 1e-300
        area: dict[str, Any] = {"step": where} if where else {}
        panel.axes.fill_between(x, y, low, color=colour, alpha=FILLED, linewidth=0, **area)


def _points(panel: Panel, trace: Trace, at: Any, name: str, sheet: Sheet, ink: Ink) -> None:
    """Points by symbol, since those of one kind are drawn together."""
    marker, (x, y) = trace.get("marker") or {}, at
    count = len(x)
    symbols = each(marker.get("symbol"), count, "circle")
    sizes = np.array(each(marker.get("size"), count, 6), dtype=float) * sheet.scale
    colours = [ink(one) for one in each(marker.get("color"), count, "#000000")]
    edge = marker.get("line") or {}
    dense = np.array(
        each(first(marker.get("opacity"), trace.get("opacity")), count, 1.0), dtype=float
    )
    for symbol in dict.fromkeys(map(str, symbols)):
        own = np.array([str(one) == symbol for one in symbols])
        shape, is_open = _shape(symbol)
        inks = _alike([_seen(*one) for one in zip(colours, dense, own, strict=True) if one[-1]])
        thin = shape in UNFILLED
        drawn = panel.axes.scatter(
            x[own],
            y[own],
            s=_alike([*(sizes[own] ** 2)]),
            marker=shape,
            linewidths=max(0.8, sheet.scale * _width(edge)) if is_open or thin else 0,
            clip_on=trace.get("cliponaxis") is not False,
            zorder=2.4,
            **_inked(inks, thin, is_open),
        )
        drawn.set_gid(f"{name}-points")


def _alike(values: list[Any]) -> list[Any]:
    """One for all where all are the same: points are then written once, with their places."""
    return values[:1] if all(one == values[0] for one in values) else values


def _inked(inks: list[Any], thin: bool, is_open: bool) -> dict[str, Any]:
    """Which part of a point has the colour: all of a line, the edge of what is hollow."""
    return {"color": inks} if thin else {"fc": CLEAR if is_open else inks, "ec": inks}


def _errors(panel: Panel, trace: Trace, at: Any, name: str, sheet: Sheet, ink: Ink) -> None:
    x, y = at
    for axis in ("x", "y"):
        said = trace.get(f"error_{axis}") or {}
        if said.get("array") is None:
            continue
        above = np.nan_to_num(numbers(said["array"]))
        below = said.get("arrayminus")
        below = above if below is None else np.nan_to_num(numbers(below))
        there = ~(np.isnan(x) | np.isnan(y))
        reach: dict[str, Any] = {f"{axis}err": np.abs([below[there], above[there]])}
        drawn = panel.axes.errorbar(
            x[there],
            y[there],
            fmt="none",
            ecolor=ink(first(said.get("color"), "#000000")),
            elinewidth=sheet.scale * first(said.get("thickness"), 1.5),
            capsize=sheet.scale * first(said.get("width"), 3),
            capthick=sheet.scale,
            zorder=2.3,
            **reach,
        )
        for part in drawn[2]:
            part.set_gid(f"{name}-error-{axis}")


def _texts(panel: Panel, trace: Trace, at: Any, name: str, sheet: Sheet, ink: Ink) -> None:
    font = trace.get("textfont") or {}
    place = str(trace.get("textposition") or "middle center").split()
    gap = sheet.scale * 7
    shift = {"left": -gap, "right": gap}.get(place[-1], 0.0)
    for x, y, said in zip(*at, each(trace.get("text"), len(at[0]), ""), strict=True):
        if np.isnan(x) or np.isnan(y) or not said:
            continue
        word = panel.axes.annotate(
            plain(said),
            (x, y),
            (shift, 0),
            textcoords="offset points",
            fontsize=sheet.text(font.get("size")),
            color=ink(first(font.get("color"), "#1F2933")),
            ha=SIDES[place[-1]],
            va={"top": "bottom", "bottom": "top"}.get(place[0], "center"),
            zorder=3,
        )
        word.set_gid(f"{name}-text")


def _shape(symbol: str) -> tuple[str, bool]:
    """The shape of a symbol, and whether it is hollow."""
    bare = symbol.removesuffix("-dot").removesuffix("-open").removesuffix("-dot")
    return SYMBOLS.get(bare, "o"), "-open" in symbol


def _seen(colour: str, dense: float, _own: bool) -> Any:
    """A colour as dense as it is; what is clear stays clear."""
    return to_rgba(colour, None if colour == CLEAR else dense)


def _one(value: Any, usual: Any) -> Any:
    """A single value, the first of several."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return next((one for one in value if one is not None), usual)
    return first(value, usual)


def _width(edge: Mapping[str, Any]) -> float:
    return float(_one(edge.get("width"), 1) or 1)
