"""A figure of the page drawn at a printed size, without a browser."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any

import matplotlib as mpl
import plotly.graph_objects as go
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nmviz.views.paper import cells, notes
from nmviz.views.paper.inks import as_it_is, colours_of, greys
from nmviz.views.paper.marks import bars, sample, scatter
from nmviz.views.paper.panels import Panel, axis_of, finish
from nmviz.views.paper.setting_out import Drawn, box_of, set_out
from nmviz.views.paper.sheet import Sheet
from nmviz.views.paper.words import plain, wrapped
from nmviz.views.shared.theme import LIGHT, title_of

_LOCK = RLock()  # matplotlib's settings are the process's
SETTINGS: dict[Any, Any] = {
    "pdf.fonttype": 42,  # fonts are embedded as they are, and text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "nmviz",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "savefig.dpi": cells.DOTS,
    "figure.dpi": 72,
    "path.simplify": False,
}


@contextmanager
def settings(sheet: Sheet) -> Iterator[None]:
    """matplotlib as it is to draw and to write, for this process alone while it lasts."""
    own = {**SETTINGS, "font.family": sheet.font, "font.size": sheet.size}
    with _LOCK, mpl.rc_context(own):
        yield


def on_paper(figure: go.Figure, sheet: Sheet, caption: str = "") -> Drawn:
    """The figure with its finding above and the caption below, where the sheet has a title.

    Every part has an id, `trace-3-points` and so on, that a vector file keeps. To be called, and
    what it gives to be written, within `settings`.
    """
    traces = [trace.to_plotly_json() for trace in figure.data]
    layout = figure.layout.to_plotly_json()
    ink = as_it_is if sheet.palette == "okabe-ito" else greys(colours_of(traces))
    page = Figure()
    FigureCanvasAgg(page)
    whole = notes.all_panels(page)
    drawn = Drawn(page, _panels(page, traces, layout), whole)
    for place, trace in enumerate(traces):
        _trace(drawn, trace, f"trace-{place}", sheet, ink)
    for pair, panel in drawn.panels.items():
        shown = _is_at(panel.x, pair[1]), _is_at(panel.y, pair[0])
        finish(panel, sheet, ink(LIGHT.text), ink(LIGHT.grid), shown)
    for said in layout.get("shapes") or ():
        notes.rule(drawn.panels, whole, said, sheet, ink)
    for said in layout.get("annotations") or ():
        drawn.around.append(notes.note(drawn.panels, whole, said, sheet, ink))
    set_out(drawn, layout, sheet, _above(drawn, figure, traces, sheet, ink), caption, ink)
    return drawn


def _panels(
    page: Figure, traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any]
) -> dict[tuple[str, str], Panel]:
    """A panel for each pair of axes that a trace is drawn on."""
    pairs = dict.fromkeys((one.get("xaxis") or "x", one.get("yaxis") or "y") for one in traces)
    return {
        (x, y): Panel(
            axis_of(layout, x), axis_of(layout, y), page.add_axes((0, 0, 1, 1), label=x + y)
        )
        for x, y in pairs or [("x", "y")]
    }


def _is_at(axis: Mapping[str, Any], other: str) -> bool:
    """Whether the words of an axis stand at that other one, and not at another panel."""
    anchor = axis.get("anchor")
    return anchor in (None, "free", other) or (other in ("x", "y") and not anchor)


def _trace(drawn: Drawn, trace: Mapping[str, Any], name: str, sheet: Sheet, ink: Any) -> None:
    panel = drawn.panels[trace.get("xaxis") or "x", trace.get("yaxis") or "y"]
    if trace["type"] == "heatmap":
        made = cells.heatmap(panel, trace, name, sheet, ink)
        drawn.remarks += cells.remarks(trace, sheet)
        if trace.get("showscale") is not False:
            drawn.keys.append(cells.key(drawn.figure, made, trace, sheet, (0, 0, 0.1, 0.1)))
    elif trace["type"] == "bar":
        bars(panel, trace, name, sheet, ink)
    else:
        scatter(panel, trace, name, sheet, ink)


def _above(
    drawn: Drawn, figure: go.Figure, traces: Sequence[Mapping[str, Any]], sheet: Sheet, ink: Any
) -> list[Any]:
    """The legend, and over it the finding: from the panels upwards."""
    named = [one for one in traces if one.get("name") and one.get("showlegend") is not False]
    scatters = [one for one in named if one["type"] == "scatter"]
    above: list[Any] = []
    if len(scatters) > 1 or any(one.get("showlegend") for one in scatters):
        handles = [sample(one, sheet, ink) for one in scatters]
        above.append(_legend(drawn.figure, handles, [plain(o["name"]) for o in scatters], sheet))
    if sheet.title and title_of(figure):
        words = wrapped(plain(title_of(figure)), sheet.points - 4, sheet.large, sheet.font)
        above.append(
            drawn.figure.text(
                0, 0, words, fontsize=sheet.large, color=ink(LIGHT.text), va="bottom", ha="left"
            )
        )
    return above


def _legend(page: Figure, handles: list[Any], names: list[str], sheet: Sheet) -> Any:
    """In as many columns as there is room for."""
    page.set_size_inches(sheet.points / 72, 4)
    legend: Any = None
    for columns in range(min(len(names), 6), 0, -1):
        if legend is not None:
            legend.remove()
        legend = page.legend(
            handles,
            names,
            loc="lower left",
            bbox_to_anchor=(0, 0),
            ncols=columns,
            fontsize=sheet.size,
            frameon=False,
            borderpad=0,
            borderaxespad=0,
            handlelength=2.2,
            columnspacing=1.2,
            labelspacing=0.3,
        )
        if box_of(legend, page).width <= sheet.points:
            break
    return legend
