"""The distributions of two results at one layer, one above the other."""

import plotly.graph_objects as go

from nmviz.core.results import SiteLook
from nmviz.views.explore.distribution import distribution
from nmviz.views.shared.theme import style, title_of

HEIGHT = 520


def both_distributions(a: SiteLook, b: SiteLook, dark: bool = False) -> go.Figure:
    """Entries before and after the mask, A above and B below, each as Explore draws it; on one
    scale where both are of the same kind."""
    one, other = distribution(a, dark=dark), distribution(b, dark=dark)
    figure = go.Figure()
    for trace in one.data:
        figure.add_trace(trace)
    for trace in other.data:
        trace.update(xaxis="x2", yaxis="y2", showlegend=False)
        figure.add_trace(trace)
    said = f"A: {title_of(one)}. B: {title_of(other)}"
    style(figure, dark, height=HEIGHT, title=said)
    figure.update_layout(
        xaxis=one.layout.xaxis,
        yaxis=one.layout.yaxis,
        xaxis2=other.layout.xaxis,
        yaxis2=other.layout.yaxis,
    )
    figure.update_layout(
        xaxis={"anchor": "y"},
        yaxis={"domain": [0.6, 1]},
        xaxis2={"anchor": "y2", "matches": "x" if a.target == b.target else None},
        yaxis2={"anchor": "x2", "domain": [0, 0.36]},
        annotations=[_letter("A", 1.0), _letter("B", 0.36)],
    )
    return figure


def _letter(letter: str, y: float) -> dict[str, object]:
    place = {"xref": "paper", "yref": "paper", "x": 1, "y": y, "xanchor": "right", "yanchor": "top"}
    return {"text": letter, "showarrow": False, "font": {"size": 16}, **place}
