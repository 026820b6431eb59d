"""The share of the columns that several tokens need together, over how many they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from nmviz.views.shared.theme import empty, ink, style
from nmviz.views.tradeoffs.known import marked

NOTHING = "Nobody measured this model yet: nmviz together MODEL does, in a minute or two."
LOOKS = (("#0072B2", "circle"), ("#D55E00", "diamond"))


@dataclass(frozen=True)
class Curve:
    """Shares of the columns from 0 to 1 over tokens, with one standard error each."""

    title: str
    tokens: Sequence[int]
    shares: Sequence[float]
    errors: Sequence[float]


def together_figure(
    curves: Sequence[Curve], title: str, density: float, *, dark: bool = False
) -> go.Figure:
    """Each curve, and what masks drawn at random would need, 1 - (1 - density)^B."""
    if not curves:
        return empty(NOTHING, dark)
    figure = go.Figure([_line(one, *look) for one, look in zip(curves, LOOKS, strict=False)])
    tokens = sorted({count for one in curves for count in one.tokens})
    figure.add_scatter(
        x=tokens,
        y=[100 * (1 - (1 - density) ** count) for count in tokens],
        mode="lines",
        name=f"masks at random ({marked('counted')})",
        line={"color": ink(dark).muted, "dash": "dot", "width": 1.2},
        hovertemplate="%{x} tokens at random: %{y:.1f}%<extra></extra>",
    )
    figure = style(figure, dark, height=340, title=title)
    figure.update_xaxes(title_text="tokens together", type="log", tickvals=tokens, ticktext=tokens)
    figure.update_yaxes(
        title_text=f"weight columns needed (%)<br>({marked('measured')})", range=[0, 105]
    )
    return figure


def _line(one: Curve, colour: str, symbol: str) -> go.Scatter:
    return go.Scatter(
        x=list(one.tokens),
        y=[100 * share for share in one.shares],
        mode="lines+markers",
        name=one.title,
        line={"color": colour, "width": 1.4},
        marker={"symbol": symbol, "size": 8, "color": colour},
        error_y={"type": "data", "array": [100 * error for error in one.errors], "color": colour},
        hovertemplate="%{x} " + one.title + ": %{y:.1f}%<extra></extra>",
    )
