"""One look for every figure: colours that carry meaning, light and dark, screen and paper."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import plotly.graph_objects as go

from nmviz.core.results import Column
from nmviz.views.shared.names import marked_in_short

COLOURS: Mapping[Column, str] = {
    "dense": "#4D4D4D",
    "weight": "#D55E00",
    "activation": "#0072B2",
    "blocks": "#009E73",
}
DASHES: Mapping[Column, str] = {"dense": "dot", "weight": "dash", "activation": "solid"}
MARKERS: Mapping[Column, str] = {
    "dense": "diamond",
    "weight": "square",
    "activation": "circle",
    "blocks": "cross",
}
NAMES: Mapping[Column, str] = {
    "dense": "dense",
    "weight": "weights",
    "activation": "activations",
    "blocks": "blocks left out",
}

Figure = go.Figure
"""For code that handles figures without drawing: plotly is imported under views alone."""

CLEAR = "#00000000"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


@dataclass(frozen=True)
class Ink:
    """What a page lends to a figure drawn on it."""

    text: str
    muted: str
    grid: str
    page: str
    dense: str

    def colour(self, column: Column) -> str:
        """The colour of a column; the dense grey is lighter on a dark page."""
        return self.dense if column == "dense" else COLOURS[column]


LIGHT = Ink(text="#1F2933", muted="#6B7280", grid="#E3E6EA", page="#FFFFFF", dense=COLOURS["dense"])
DARK = Ink(text="#E5E7EB", muted="#9CA3AF", grid="#374151", page="#111827", dense="#B0B0B0")


def ink(dark: bool) -> Ink:
    """The inks of the light or the dark page."""
    return DARK if dark else LIGHT


def style(
    figure: go.Figure, dark: bool = False, *, height: int = 320, title: str = ""
) -> go.Figure:
    """Give a figure the theme. `title`, the finding, goes to `layout.meta`, not into the plot."""
    figure.update_layout(_look(dark, height, title))
    return figure


def figure_of(
    traces: Sequence[dict[str, Any]],
    layout: Mapping[str, Any],
    dark: bool = False,
    *,
    height: int,
    title: str,
) -> go.Figure:
    """A figure with the theme, made at once: of many traces that takes half as long as `style`
    and updates. Margins and legend of `layout` go before the theme's."""
    look = _look(dark, height, title)
    for part in ("margin", "legend"):
        look[part] = {**look[part], **layout.get(part, {})}
    return go.Figure(traces, {**layout, **look})


def title_of(figure: go.Figure) -> str:
    """The sentence a figure shows, or an empty string."""
    meta = figure.layout.meta
    return str(meta.get("title", "")) if isinstance(meta, dict) else ""


def with_title(figure: go.Figure, width: int = 80) -> go.Figure:
    """A copy with its sentence written above the plot, for paper; `width` is in characters."""
    lines = textwrap.wrap(title_of(figure), width)
    copy = go.Figure(figure)
    if lines:
        extra = 20 * len(lines) + 12
        copy.update_layout(
            title={
                "text": "<br>".join(lines),
                "x": 0,
                "xref": "container",
                "yref": "container",
                "y": 1,
                "yanchor": "top",
                "pad": {"t": 20, "l": 8},
                "font": {"size": 15},
            },
            margin={"t": (copy.layout.margin.t or 0) + extra},
            height=(copy.layout.height or 320) + extra,
        )
    return copy


def plot_config(file_name: str) -> dict[str, Any]:
    """Settings of the plot's toolbar: its camera button saves a vector image of that name."""
    return {
        "displaylogo": False,
        "responsive": True,
        "toImageButtonOptions": {"format": "svg", "filename": _safe(file_name)},
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    }


def empty(message: str, dark: bool = False, *, height: int = 160) -> go.Figure:
    """A figure without a finding that says in words why there is nothing to draw."""
    figure = style(go.Figure(), dark, height=height)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(
        text="<br>".join(textwrap.wrap(message, 44)),
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        showarrow=False,
        font={"color": ink(dark).muted, "size": 13},
    )
    return figure


_LEGEND = {
    "orientation": "h",
    "x": 0,
    "xanchor": "left",
    "y": 1.02,
    "yanchor": "bottom",
    "font": {"size": 12},
}


def _look(dark: bool, height: int, title: str) -> dict[str, Any]:
    return {
        "template": _template(dark),
        "height": height,
        "autosize": True,
        "margin": {"l": 8, "r": 8, "t": 30, "b": 8},
        "legend": _LEGEND,
        "meta": {"title": title, "dark": dark},
        "dragmode": False,
    }


@cache
def _template(dark: bool) -> go.layout.Template:
    inks = ink(dark)
    axis = {
        "color": inks.text,
        "gridcolor": inks.grid,
        "zerolinecolor": inks.grid,
        "linecolor": inks.muted,
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": inks.muted,
        "automargin": True,
        "title": {"font": {"size": 12, "color": inks.text}, "standoff": 6},
    }
    layout = {
        "font": {"family": FONT, "size": 12, "color": inks.text},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "colorway": [inks.dense, COLOURS["weight"], COLOURS["activation"]],
        "hoverlabel": {"bgcolor": inks.page, "font": {"color": inks.text, "family": FONT}},
        "modebar": {"bgcolor": CLEAR, "color": inks.muted, "activecolor": inks.text},
        "xaxis": axis,
        "yaxis": axis,
    }
    return go.layout.Template(layout=layout)


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "figure"


def name_rows(figure: go.Figure, names: Sequence[str]) -> None:
    """Write the names on the y axis, the first on top, one row each."""
    figure.update_yaxes(named_rows(names))


def named_rows(names: Sequence[str]) -> dict[str, Any]:
    """Settings of a y axis with those names, the first on top, one row each."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": [marked_in_short(name) for name in names],
        "range": [len(names) - 0.4, -0.6],
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
    }
