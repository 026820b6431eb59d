"""Panels: the axes of a figure, where they lie, their scales and their ticks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MultipleLocator,
    NullFormatter,
    NullLocator,
    PercentFormatter,
)

from nmviz.views.paper.sheet import Sheet
from nmviz.views.paper.words import first, plain, superscript

Said = Mapping[str, Any]
HAIR = 0.6
"""Points of the lines of axes."""


@dataclass
class Panel:
    """A pair of axes: what plotly says of each, and matplotlib's axes. `names` are those that an
    axis has for places, in their order."""

    x: Said
    y: Said
    axes: Axes
    names: dict[str, list[str]] = field(default_factory=lambda: {"x": [], "y": []})

    def places(self, which: str, values: Sequence[Any]) -> list[Any]:
        """Values of the axis x or y as numbers: names by their place."""
        if not any(isinstance(one, str) for one in values):
            return list(values)
        names = self.names[which]
        names += [one for one in dict.fromkeys(values) if one not in names]
        return [names.index(one) for one in values]

    @property
    def domain(self) -> tuple[float, float, float, float]:
        """Left, bottom, width, height of it, as shares of what all panels take."""
        left, right = self.x.get("domain") or (0, 1)
        bottom, top = self.y.get("domain") or (0, 1)
        return left, bottom, right - left, top - bottom


def axis_of(layout: Said, name: str) -> dict[str, Any]:
    """What the theme says of an axis `x`, `y2` ..., and over it what the figure says."""
    theme = ((layout.get("template") or {}).get("layout") or {}).get(f"{name[0]}axis") or {}
    own = layout.get(f"{name[0]}axis{name[1:]}") or {}
    return {**theme, **own, "title": {**theme.get("title", {}), **(own.get("title") or {})}}


def finish(panel: Panel, sheet: Sheet, text: str, grid: str, shown: tuple[bool, bool]) -> None:
    """Scales, ranges, ticks and titles, once everything is drawn; `shown` says whether ticks of the
    horizontal and of the vertical axis have words here."""
    axes = panel.axes
    axes.patch.set_visible(False)  # what is placed by the whole figure lies behind
    if panel.x.get("visible") is False:
        axes.set_axis_off()
        return
    x, y = _named(panel.x, panel.names["x"]), _named(panel.y, panel.names["y"])
    _one(axes, "x", x, sheet, (text, grid), shown[0])
    _one(axes, "y", y, sheet, (text, grid), shown[1])
    for side in ("left", "bottom", "top", "right"):
        axes.spines[side].set_linewidth(HAIR)
        axes.spines[side].set_color(grid if side in ("top", "right") else text)
        axes.spines[side].set_visible(_line_at(side, x, y))


def _named(said: Said, names: list[str]) -> Said:
    """The axis with the names of its places, where it says no others."""
    if not names or said.get("tickvals") is not None:
        return said
    return {**said, "tickvals": list(range(len(names))), "ticktext": names}


def _line_at(side: str, x: Said, y: Said) -> bool:
    if side == "left":
        return bool(y.get("showline"))
    wanted = "top" if x.get("side") == "top" else "bottom"
    return side == wanted and bool(x.get("showline"))


def _one(
    axes: Axes, which: str, said: Said, sheet: Sheet, inks: tuple[str, str], shown: bool
) -> None:
    text, grid = inks
    axis = axes.xaxis if which == "x" else axes.yaxis
    if said.get("type") == "log":
        getattr(axes, f"set_{which}scale")("log")
    _reach(axes, which, said)
    _ticks(axes, which, said)
    size = sheet.text((said.get("tickfont") or {}).get("size"))
    length = 0.0 if said.get("ticks") == "" else 2.5
    top = said.get("side") == "top"
    axes.tick_params(
        axis="both" if which == "xy" else which,  # type: ignore[arg-type]
        which="major",
        labelsize=size,
        length=length,
        width=HAIR,
        color=text,
        labelcolor=text,
        pad=2,
        **({"top": top, "labeltop": top, "bottom": not top, "labelbottom": not top} if top else {}),
    )
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    if not shown or said.get("showticklabels") is False:
        axes.tick_params(axis=which, labelbottom=False, labelleft=False, length=0)  # type: ignore[arg-type]
    elif title := plain(said["title"].get("text")):
        getattr(axes, f"set_{which}label")(title, fontsize=sheet.size, color=text, labelpad=3)
    if said.get("showgrid") is not False:
        axis.grid(visible=True, color=grid, linewidth=HAIR)
    axes.set_axisbelow(True)
    if said.get("zeroline") is True:
        line = axes.axvline if which == "x" else axes.axhline
        line(0, color=text, linewidth=HAIR, zorder=1.5)


def _reach(axes: Axes, which: str, said: Said) -> None:
    """From where to where the axis goes."""
    limits, get = getattr(axes, f"set_{which}lim"), getattr(axes, f"get_{which}lim")
    span = said.get("range")
    if span is not None:
        low, high = (float(one) for one in span)
        limits(*((10**low, 10**high) if said.get("type") == "log" else (low, high)))
    elif said.get("rangemode") == "tozero":
        low, high = get()
        limits(min(low, 0), max(high, 0))
    if said.get("autorange") == "reversed" and span is None:
        low, high = get()
        limits(max(low, high), min(low, high))


def _ticks(axes: Axes, which: str, said: Said) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    values = said.get("tickvals")
    if values is not None:
        axis.set_major_locator(FixedLocator([float(one) for one in values]))
        words = [plain(one) for one in said.get("ticktext") or [f"{one:g}" for one in values]]
        axis.set_major_formatter(FixedFormatter(words))
    elif said.get("type") == "log":
        every = int(first(said.get("dtick"), 1))
        low, high = (log10(max(one, 1e-300)) for one in sorted(getattr(axes, f"get_{which}lim")()))
        powers = range(ceil(low), floor(high) + 1, every)
        axis.set_major_locator(
            FixedLocator([10.0**power for power in powers]) if powers else LogLocator()
        )
        axis.set_major_formatter(FuncFormatter(lambda value, _: _power(value, said)))
    elif "%" in str(said.get("tickformat")):
        if said.get("dtick"):
            axis.set_major_locator(MultipleLocator(float(said["dtick"])))
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _power(value: float, said: Said) -> str:
    """A power of ten as the axis is to write it: `0.1%`, `10⁻³`, `10k`, `0.01`."""
    if value <= 0:
        return ""
    if "%" in str(said.get("tickformat")):
        return f"{100 * value:.12g}%"
    if said.get("exponentformat") == "power":
        power = log10(value)
        return superscript(round(power)) if abs(power - round(power)) < 1e-9 else f"{value:g}"
    if said.get("exponentformat") == "SI":
        for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if value >= size:
                return f"{value / size:g}{letter}"
    return f"{value:,.12g}"
