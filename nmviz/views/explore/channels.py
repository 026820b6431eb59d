"""How often each channel of a layer's input is kept: by the weights' mask over its rows, by the
activations' over the tokens of a prompt."""

from collections.abc import Mapping
from math import lgamma, log, log1p

import numpy as np
import plotly.graph_objects as go

from nmviz.base.wording import listed
from nmviz.core.results import SiteLook
from nmviz.core.settings import TARGETS, Target
from nmviz.views.shared.numbers import share
from nmviz.views.shared.theme import COLOURS, DASHES, MARKERS, NAMES, empty, ink, style

Looks = Mapping[Target, SiteLook]
NOTHING = "There is no mask to count in: choose another layer."


def shares_kept(look: SiteLook) -> np.ndarray:
    """The share of the mask's rows that keep each channel, float64 [d_in], 0..1."""
    return look.mask.kept_of_column / max(1, look.mask.rows_in_all)


def most_kept_first(looks: Looks, *, dark: bool = False) -> go.Figure:
    """A line a target: the channels from the one that is kept most often to the least."""
    figure = go.Figure()
    for target, look in _in_order(looks):
        shares = shares_kept(look)
        order = np.argsort(-shares, kind="stable")
        figure.add_scatter(
            x=np.arange(1, len(shares) + 1),
            y=shares[order],
            customdata=order[:, None],
            mode="lines",
            line={"color": COLOURS[target], "dash": DASHES[target], "width": 2, "shape": "hvh"},
            name=NAMES[target],
            hovertemplate=_hover(look, "customdata[0]"),
        )
    return _finished(figure, looks, dark, "channels, the most kept first", sentence(looks))


def along_channels(looks: Looks, *, dark: bool = False) -> go.Figure:
    """A mark a channel and a target, in the order of the layer's input."""
    figure = go.Figure()
    for target, look in _in_order(looks):
        shares = shares_kept(look)
        figure.add_scatter(
            x=np.arange(len(shares)),
            y=shares,
            mode="markers",
            marker={"color": COLOURS[target], "symbol": MARKERS[target], "size": 4, "opacity": 0.6},
            name=NAMES[target],
            hovertemplate=_hover(look, "x"),
        )
    return _finished(figure, looks, dark, _axis(looks), spread(looks))


def sentence(looks: Looks) -> str:
    """How many channels are kept always, and how many never."""
    there = _in_order(looks)
    if not there:
        return ""
    channels = listed(f"{len(look.mask.kept_of_column):,}" for _, look in there)
    return f"Of {channels} channels {' and '.join(_ends_of(look) for _, look in there)}"


def spread(looks: Looks) -> str:
    """Between which shares nine in ten channels lie, and by chance would."""
    said = [_spread_of(look) for _, look in _in_order(looks)]
    return f"Nine in ten are kept in {' and '.join(said)}" if said else ""


def by_chance(rows: int, part: float) -> tuple[float, float]:
    """Between which shares of so many rows nine in ten channels would lie where every row kept that
    part of them, 0..1, at random: 5% and 95% quantiles of the binomial distribution, over rows."""
    if rows == 0 or not 0 < part < 1:
        return part, part
    counts = np.arange(rows + 1)
    ways = lgamma(rows + 1) - np.array([lgamma(k + 1) + lgamma(rows - k + 1) for k in counts])
    below = np.cumsum(np.exp(ways + counts * log(part) + (rows - counts) * log1p(-part)))
    low, high = np.searchsorted(below, [0.05, 0.95])
    return float(low / rows), float(high / rows)


def _ends_of(look: SiteLook) -> str:
    """`the activations' masks keep 7 for all 24 tokens and 0 for none`, and what chance would give
    where that is any."""
    kept, rows = look.mask.kept_of_column, look.mask.rows_in_all
    always, never = int((kept == rows).sum()), int((kept == 0).sum())
    masks, where = ("masks keep", "for") if look.target == "activation" else ("mask keeps", "in")
    chance = [len(kept) * part**rows for part in (look.kept, 1 - look.kept)]
    told = f" (by chance {chance[0]:,.0f} and {chance[1]:,.0f})" if max(chance) >= 0.5 else ""
    return (
        f"the {NAMES[look.target]}' {masks} {always:,} {where} all {_rows(look)} and "
        f"{never:,} {where} none{told}"
    )


def _spread_of(look: SiteLook) -> str:
    """`25% to 83% of tokens (by chance 33% to 67%)`."""
    low, high = np.quantile(shares_kept(look), [0.05, 0.95])
    least, most = by_chance(look.mask.rows_in_all, look.kept)
    chance = f"by chance {share(least)} to {share(most)}"
    return f"{share(low)} to {share(high)} of {_row(look)}s ({chance})"


def _hover(look: SiteLook, channel: str) -> str:
    """What a pointer reads at a channel, whose number is that part of the point."""
    return (
        f"{NAMES[look.target]}, {_called(look)} %{{{channel}}}: kept in %{{y:.1%}} of "
        f"{_rows(look)}<extra></extra>"
    )


def _finished(figure: go.Figure, looks: Looks, dark: bool, across: str, title: str) -> go.Figure:
    if not figure.data:
        return empty(NOTHING, dark)
    figure.add_traces(_expected(looks, dark))
    style(figure, dark, height=300, title=title)
    figure.update_xaxes(title_text=across, zeroline=False, showgrid=False)
    figure.update_yaxes(
        title_text="share of rows that keep it", range=[-0.03, 1.03], tickformat=".0%", dtick=0.25
    )
    return figure


def _expected(looks: Looks, dark: bool) -> list[go.Scatter]:
    """A line at the share that is kept of all entries: N/M of N:M. One a target where these differ
    to be seen."""
    told = [(NAMES[target], look) for target, look in _in_order(looks)]
    kept = [look.kept for _, look in told]
    if max(kept) - min(kept) < 0.005:
        told = [("", told[0][1])]
    return [
        go.Scatter(
            x=[0, len(look.mask.kept_of_column)],
            y=[look.kept, look.kept],
            mode="lines",
            line={"color": ink(dark).text, "dash": "dot", "width": 1},
            name=f"{share(look.kept)} of all {name}".rstrip(),
            hoverinfo="skip",
        )
        for name, look in told
    ]


def _in_order(looks: Looks) -> list[tuple[Target, SiteLook]]:
    """Those with a mask to count in."""
    there = [(target, looks[target]) for target in TARGETS if target in looks]
    return [(target, look) for target, look in there if len(look.mask.kept_of_column)]


def _axis(looks: Looks) -> str:
    turned = any(look.turned for look in looks.values())
    return "channel (of activations: direction)" if turned else "channel"


def _called(look: SiteLook) -> str:
    return "direction" if look.turned else "channel"


def _row(look: SiteLook) -> str:
    return "token" if look.target == "activation" else "row"


def _rows(look: SiteLook) -> str:
    """`30 tokens`, as the mask has rows."""
    rows = look.mask.rows_in_all
    return f"{rows:,} {_row(look)}{'' if rows == 1 else 's'}"
