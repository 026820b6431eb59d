"""Setting out a figure on paper: panels as high as on the page, around them what words need."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator
from matplotlib.transforms import Bbox

from nmviz.views.paper.inks import Ink
from nmviz.views.paper.panels import Panel
from nmviz.views.paper.sheet import Sheet
from nmviz.views.paper.words import wrapped
from nmviz.views.shared.theme import LIGHT

AXES, LOWEST = 52, 70
"""Pixels of the page that ticks and titles take there below a figure, and the least of panels."""
PASSES = 6
"""So often places are set out anew, at most: what is wide makes room, and moves with it."""
EDGE = 2.0
"""Points around everything."""
FEW = 4
"""Steps of an axis of numbers where more would touch."""
TOUCH = 1.5
"""Points between two words below which they touch."""
KEY = 7.0
"""Points of the width of a scale of colours."""


@dataclass
class Drawn:
    """A figure on paper while it is laid out: its panels, and what stands around them."""

    figure: Figure
    panels: dict[tuple[str, str], Panel]
    whole: Any
    around: list[Any] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def set_out(
    drawn: Drawn,
    layout: Mapping[str, Any],
    sheet: Sheet,
    above: list[Any],
    caption: str,
    ink: Ink,
) -> None:
    """Sizes and places: the panels as high as on the page, around them what their words need."""
    page, margin = drawn.figure, layout.get("margin") or {}
    pixels = (layout.get("height") or 320) - (margin.get("t") or 30) - (margin.get("b") or 8)
    inner = sheet.scale * max(pixels - AXES * (margin.get("b", 8) < 40), LOWEST)
    below = _caption(page, sheet, caption, ink(LIGHT.muted))
    over = sum(box_of(one, page).height + 4 for one in above)
    under = 0.0 if below is None else box_of(below, page).height + 5
    room = {"left": 30.0, "right": 6.0, "bottom": 24.0, "top": 8.0}
    for turn in range(PASSES):
        height = inner + room["bottom"] + room["top"] + over + under
        page.set_size_inches(sheet.points / 72, height / 72)
        _place(drawn, sheet, room, (height, inner, under))
        if turn < 2:
            _turn(drawn)
        words = _words(drawn)
        _lower(drawn, words, sheet)
        missing = _missing(drawn, words, (sheet.points, height, over, under))
        if max(map(abs, missing.values())) < 0.5:
            break
        room = {side: room[side] + missing[side] for side in room}
    _stack(page, above, height - over)
    if below is not None:
        below.set_position((2 / sheet.points, 1 / height))


def _place(
    drawn: Drawn, sheet: Sheet, room: Mapping[str, float], sizes: tuple[float, float, float]
) -> None:
    height, inner, under = sizes
    width = sheet.points
    across = max(width - room["left"] - room["right"], 20.0)
    low = under + room["bottom"]

    def at(
        left: float, bottom: float, wide: float, high: float
    ) -> tuple[float, float, float, float]:
        return (
            (room["left"] + left * across) / width,
            (low + bottom * inner) / height,
            wide * across / width,
            high * inner / height,
        )

    drawn.whole.set_position(at(0, 0, 1, 1))
    for panel in drawn.panels.values():
        panel.axes.set_position(at(*panel.domain))
    for axes in drawn.keys:
        axes.set_position(at(1 + 6 / across, 0, KEY / across, 1))


def _turn(drawn: Drawn) -> None:
    """Where words below a panel would touch they stand on their side; numbers become fewer."""
    renderer = drawn.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for panel in drawn.panels.values():
        words = [one for one in panel.axes.get_xticklabels() if one.get_text()]
        if len(words) < 2 or words[0].get_rotation():
            continue
        boxes = [one.get_window_extent(renderer) for one in words]
        if any(one.x1 + TOUCH > other.x0 for one, other in pairwise(boxes)):
            if isinstance(panel.axes.xaxis.get_major_locator(), FixedLocator):
                panel.axes.tick_params(axis="x", labelrotation=90)
            else:
                panel.axes.xaxis.set_major_locator(MaxNLocator(FEW))


def _words(drawn: Drawn) -> dict[Any, Bbox]:
    """What the ticks and titles of every axis take, the most costly thing to ask for."""
    renderer = drawn.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    every = [*(panel.axes for panel in drawn.panels.values()), *drawn.keys]
    axis = [one for axes in every if axes.axison for one in (axes.xaxis, axes.yaxis)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font lacks: said once, on writing
        return {one: box for one in axis if (box := one.get_tightbbox(renderer)) is not None}


def _lower(drawn: Drawn, words: Mapping[Any, Bbox], sheet: Sheet) -> None:
    """A title below all panels stands below the words of their ticks, and within the paper."""
    renderer = drawn.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    low = drawn.whole.get_window_extent(renderer).y0
    bottom = [one.axes.xaxis for one in drawn.panels.values() if one.domain[1] <= 0]
    lowest = [words[axis].y0 for axis in bottom if axis in words]
    for one in drawn.around:
        below = one.xycoords is drawn.whole.transAxes and one.xy[1] == 0
        if below and lowest and not one.get_rotation():
            across, down = one.xyann
            beyond = one.get_window_extent(renderer).x1 + EDGE - sheet.points
            across -= max(beyond, 0.0) if one.get_ha() == "center" else 0.0
            one.xyann = (across, min(down, min(lowest) - low - 1))


def _missing(
    drawn: Drawn, words: Mapping[Any, Bbox], sizes: tuple[float, float, float, float]
) -> dict[str, float]:
    """Points that the words around the panels need more on each side, or less."""
    width, height, over, under = sizes
    renderer = drawn.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    every = [*(panel.axes for panel in drawn.panels.values()), *drawn.keys, *drawn.around]
    boxes = [one.get_window_extent(renderer) for one in every]
    all_of = Bbox.union([*boxes, *words.values()])
    return {
        "left": EDGE - all_of.x0,
        "right": all_of.x1 - width + EDGE,
        "bottom": under + EDGE - all_of.y0,
        "top": all_of.y1 - (height - over) + EDGE,
    }


def _stack(page: Figure, above: Sequence[Any], low: float) -> None:
    """One over the other, from that height on."""
    height = page.get_figheight() * 72
    for one in above:
        own = box_of(one, page).height
        if hasattr(one, "set_bbox_to_anchor"):
            one.set_bbox_to_anchor((2 / (page.get_figwidth() * 72), (low + 2) / height))
        else:
            one.set_position((2 / (page.get_figwidth() * 72), (low + 2) / height))
        low += own + 4


def _caption(page: Figure, sheet: Sheet, caption: str, colour: str) -> Any:
    if not (sheet.title and caption):
        return None
    size = sheet.small
    words = wrapped(caption, sheet.points - 4, size, sheet.font)
    return page.text(
        2 / sheet.points, 0, words, fontsize=size, color=colour, va="bottom", ha="left"
    )


def box_of(artist: Any, page: Figure) -> Bbox:
    """What it takes of the page, in points."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        box: Bbox = artist.get_window_extent(page.canvas.get_renderer())  # type: ignore[attr-defined]
    return box
