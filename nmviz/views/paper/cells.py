"""Heatmaps on paper: rectangles up to a number of cells, above it a picture of stated fineness."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator

from nmviz.views.paper.inks import Ink
from nmviz.views.paper.panels import HAIR, Panel
from nmviz.views.paper.sheet import Sheet
from nmviz.views.paper.words import plain

MOST_CELLS = 20_000
"""Cells that are drawn as rectangles, one each; more are a picture."""
DOTS = 300
"""Dots an inch of that picture."""
PANEL, LETTER, LEAST = 0.8, 0.62, 0.75
"""Of the width what a panel takes, of a letter's height its width, and of the text's size the least
that the numbers of cells may have."""
GAP = 0.35
"""Points between two cells, where there is a gap on the page."""


def heatmap(panel: Panel, trace: Mapping[str, Any], name: str, sheet: Sheet, ink: Ink) -> QuadMesh:
    """The cells of one trace with the numbers printed in them."""
    z = np.array([[_number(one) for one in row] for row in trace["z"]], dtype=float)
    rows, columns = z.shape
    across = _places(trace, "x", columns, list(range(columns)))
    names = trace.get("y")
    down = _places(trace, "y", rows, panel.places("y", list(names)) if names is not None else [])
    drawn = panel.axes.pcolormesh(
        _edges(across),
        _edges(down),
        np.ma.masked_invalid(z),
        cmap=_colours(trace["colorscale"], ink),
        norm=_norm(trace, z),
        edgecolors="white" if trace.get("xgap") else "none",
        linewidth=GAP if trace.get("xgap") else 0,
        rasterized=z.size > MOST_CELLS,
    )
    drawn.set_gid(f"{name}-cells")
    panel.axes.margins(0)
    if trace.get("texttemplate"):
        _printed(panel, trace, across, down, sheet, ink("#1F2933"))
    return drawn


def remarks(trace: Mapping[str, Any], sheet: Sheet) -> Iterator[str]:
    """A sentence on whatever of a heatmap is not drawn as it could be."""
    count = np.size(trace["z"])
    if count > MOST_CELLS:
        yield (
            f"{count:,} cells are more than {MOST_CELLS:,}: they are a picture of {DOTS} dots an "
            "inch, and no rectangles."
        )
    if trace.get("texttemplate") and _size_of_printed(trace, sheet) is None:
        yield "The numbers of cells are left out: they would be too small to read at that width."


def key(
    figure: Figure,
    cells: QuadMesh,
    trace: Mapping[str, Any],
    sheet: Sheet,
    place: tuple[float, float, float, float],
) -> Any:
    """The scale beside the cells; gives its axes."""
    said = trace.get("colorbar") or {}
    axes = figure.add_axes(place)
    bar = figure.colorbar(cells, cax=axes)
    bar.outline.set_visible(False)
    if said.get("tickvals") is not None:
        bar.ax.yaxis.set_major_locator(FixedLocator(list(said["tickvals"])))
        bar.ax.yaxis.set_major_formatter(FixedFormatter([plain(o) for o in said["ticktext"]]))
    bar.ax.tick_params(labelsize=sheet.size, length=2, width=HAIR)
    if title := plain((said.get("title") or {}).get("text")):
        bar.set_label(title, fontsize=sheet.size)
    return axes


def _size_of_printed(trace: Mapping[str, Any], sheet: Sheet) -> float | None:
    """Points of the numbers of cells, as the widest of them asks for; None below `LEAST`."""
    widest = max((len(str(one)) for row in trace["text"] for one in row), default=1)
    room = PANEL * sheet.points / max(np.shape(trace["z"])[1], 1)
    size = min(sheet.size, room / (LETTER * max(widest, 1)))
    return size if size >= LEAST * sheet.size else None


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)


def _places(trace: Mapping[str, Any], axis: str, count: int, usual: list[Any]) -> np.ndarray:
    """The middle of every column, or row."""
    if trace.get(f"{axis}0") is not None:
        step = float(trace.get(f"d{axis}") or 1)
        return float(trace[f"{axis}0"]) + step * np.arange(count)
    given = trace.get(axis)
    numeric = given is not None and not any(isinstance(one, str) for one in given)
    return np.array(given if numeric else usual or range(count), dtype=float)


def _edges(middles: np.ndarray) -> np.ndarray:
    """The edges of cells around those middles: half way to the next."""
    if len(middles) < 2:
        return np.array([middles[0] - 0.5, middles[0] + 0.5])
    between = (middles[1:] + middles[:-1]) / 2
    return np.concatenate([[2 * middles[0] - between[0]], between, [2 * middles[-1] - between[-1]]])


def _norm(trace: Mapping[str, Any], z: np.ndarray) -> Normalize:
    low, high = trace.get("zmin"), trace.get("zmax")
    known = z[np.isfinite(z)]
    least = float(known.min()) if low is None and known.size else float(low or 0)
    most = float(known.max()) if high is None and known.size else float(high or 0)
    return Normalize(least, most if most > least else least + 1)


def _colours(scale: Any, ink: Ink) -> Colormap:
    """A scale of colours, each with its place or all equally far apart."""
    steps = [
        (place / (len(scale) - 1), one) if isinstance(one, str) else (float(one[0]), one[1])
        for place, one in enumerate(scale)
    ]
    return LinearSegmentedColormap.from_list("scale", [(at, ink(one)) for at, one in steps], N=512)


def _printed(
    panel: Panel,
    trace: Mapping[str, Any],
    across: np.ndarray,
    down: np.ndarray,
    sheet: Sheet,
    colour: str,
) -> None:
    """The number of every cell, small enough for it, light on what is dark; none where they would
    be too small to read."""
    z = np.array(trace["z"], dtype=float)
    low, high = float(trace.get("zmin") or 0), float(trace.get("zmax") or 1)
    size = _size_of_printed(trace, sheet)
    if size is None:
        return
    for row, y in enumerate(down):
        for column, x in enumerate(across):
            dark = (z[row][column] - low) / ((high - low) or 1) > 0.5
            panel.axes.text(
                x,
                y,
                str(trace["text"][row][column]),
                fontsize=size,
                color="white" if dark else colour,
                ha="center",
                va="center",
            )
