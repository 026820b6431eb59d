"""Notes and rules of a figure on paper: words and lines at a place of a panel, or of all panels."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation
from matplotlib.transforms import Transform, blended_transform_factory

from nmviz.views.paper.inks import Ink
from nmviz.views.paper.marks import DASHES
from nmviz.views.paper.panels import Panel
from nmviz.views.paper.sheet import Sheet
from nmviz.views.paper.words import first, plain, wrapped

Panels = Mapping[tuple[str, str], Panel]
ALIGNED = {"left": "left", "right": "right", "center": "center"}
ROOM = 0.6
"""Of the width, what a note over all panels may take."""
STANDING = {"top": "top", "bottom": "bottom", "middle": "center"}


def rule(panels: Panels, whole: Axes, said: Mapping[str, Any], sheet: Sheet, ink: Ink) -> None:
    """A line or a frame."""
    x, y = said.get("xref") or "x", said.get("yref") or "y"
    axes, transform = _where(panels, whole, x, y)
    line = said.get("line") or {}
    look = {
        "color": ink(first(line.get("color"), "#6B7280")),
        "linewidth": sheet.scale * first(line.get("width"), 2),
        "linestyle": DASHES.get(line.get("dash") or "solid", "-"),
        "alpha": said.get("opacity"),
        "transform": transform,
        "zorder": 1.6 if said.get("layer") in ("below", "between") else 2.6,
    }
    left, right, low, high = (said[name] for name in ("x0", "x1", "y0", "y1"))
    if said.get("type") == "rect":
        edge = look.pop("color")
        frame = Rectangle((left, low), right - left, high - low, fill=False, edgecolor=edge, **look)
        axes.add_patch(frame)
    else:
        axes.plot([left, right], [low, high], scalex=False, scaley=False, **look)


def note(
    panels: Panels, whole: Axes, said: Mapping[str, Any], sheet: Sheet, ink: Ink
) -> Annotation:
    """Words at a place, so many pixels of the page beside it."""
    x, y = str(said.get("xref") or "x"), str(said.get("yref") or "y")
    axes, transform = _where(panels, whole, x, y)
    font = said.get("font") or {}
    place = (_value(panels, x, y, said, "x"), _value(panels, x, y, said, "y"))
    shift = (sheet.scale * (said.get("xshift") or 0), sheet.scale * (said.get("yshift") or 0))
    return axes.annotate(
        _words(said, x, sheet),
        place,
        shift,
        xycoords=transform,
        textcoords="offset points",
        fontsize=sheet.text(font.get("size")),
        color=ink(first(font.get("color"), "#1F2933")),
        rotation=-(said.get("textangle") or 0),
        ha=ALIGNED.get(said.get("xanchor") or "center", "center"),
        va=STANDING.get(said.get("yanchor") or "middle", "center"),
        multialignment=said.get("align") or "center",
        annotation_clip=False,
        zorder=3,
    )


def _words(said: Mapping[str, Any], x: str, sheet: Sheet) -> str:
    """What a note says: of one over all panels in lines that leave room for the axis beside it."""
    words = plain(said.get("text"))
    if x != "paper" or said.get("textangle"):
        return words
    lines = (
        wrapped(line, ROOM * sheet.points, sheet.size, sheet.font) for line in words.split("\n")
    )
    return "\n".join(lines)


def _where(panels: Panels, whole: Axes, x: str, y: str) -> tuple[Axes, Transform]:
    """The axes that a place is of, and what turns it into a place on paper."""
    if x == "paper" and y == "paper":
        return whole, whole.transAxes
    axes = _axes(panels, x, y)
    across = (
        whole.transAxes if x == "paper" else axes.transAxes if "domain" in x else axes.transData
    )
    down = whole.transAxes if y == "paper" else axes.transAxes if "domain" in y else axes.transData
    return axes, across if across is down else blended_transform_factory(across, down)


def _axes(panels: Panels, x: str, y: str) -> Axes:
    """The panel that has these axes; of one of them where the other is of all panels."""
    wanted = {one.removesuffix(" domain") for one in (x, y)} - {"paper"}
    found = [panel for pair, panel in panels.items() if wanted <= {*pair}]
    loose = [panel for pair, panel in panels.items() if wanted & {*pair}]
    return (found or loose or list(panels.values()))[0].axes


def _value(panels: Panels, x: str, y: str, said: Mapping[str, Any], which: str) -> float:
    """A place of a note: on a log axis plotly has its power of ten."""
    value = float(said.get(which) or 0)
    ref = x if which == "x" else y
    if ref == "paper" or "domain" in ref:
        return value
    panel = next(panel for pair, panel in panels.items() if ref in pair)
    return 10**value if getattr(panel, which).get("type") == "log" else value


def all_panels(figure: Figure) -> Axes:
    """Axes without anything, over all panels: what is placed by the whole is placed on it."""
    whole = figure.add_axes((0, 0, 1, 1), label="whole")
    whole.set_axis_off()
    return whole
