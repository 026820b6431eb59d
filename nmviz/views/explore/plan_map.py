"""Blocks x projections: the pattern of every layer."""

from collections.abc import Iterable, Mapping, Sequence

import plotly.graph_objects as go
from plotly.colors import sample_colorscale, unlabel_rgb

from nmviz.base.wording import listed
from nmviz.methods.patterns import DENSE, Pattern
from nmviz.views.explore.layer_grid import CIVIDIS, frame
from nmviz.views.shared.theme import ink, style

Place = tuple[int, str]
QUIET = "#e3e6ea"
"""Of a layer that stays dense; a dark page turns the cells over."""
MOST_NAMED = 8
"""Patterns that have a colour of their own; more are coloured by the share that they drop."""


def plan_map(
    masks: Mapping[Place, Pattern], *, dark: bool = False, selected: Place | None = None
) -> go.Figure:
    """Heatmap of the patterns of a model's layers, in the order that they come in; the selected
    layer is framed."""
    blocks = sorted({block for block, _ in masks})
    projections = list(dict.fromkeys(name for _, name in masks))
    patterns = in_order(masks.values())
    named = len(patterns) <= MOST_NAMED
    figure = go.Figure(
        go.Heatmap(
            x=blocks,
            y=projections,
            z=[[_z(masks.get((b, p)), patterns, named) for b in blocks] for p in projections],
            text=[[_said(masks.get((b, p))) for b in blocks] for p in projections],
            customdata=[[[block, name] for block in blocks] for name in projections],
            hovertemplate="block %{x}, %{y}: %{text}<extra></extra>",
            hoverongaps=False,
            xgap=1,
            ygap=1,
            **(_steps(patterns) if named else _SHARES),
        )
    )
    style(figure, dark, height=130 + 26 * len(projections), title=sentence(masks))
    figure.update_xaxes(title_text="block (0 = first)", showgrid=False, zeroline=False)
    figure.update_yaxes(title_text="projection", autorange="reversed", showgrid=False)
    if selected is not None and selected in masks:
        block, name = selected
        figure.add_shape(frame(block, projections.index(name), ink(dark).text))
    return figure


def in_order(masks: Iterable[Pattern]) -> list[Pattern]:
    """Each pattern once: dense first, then by what it drops."""
    return sorted(dict.fromkeys(masks), key=lambda one: (-one.density, str(one)))


def sentence(masks: Mapping[Place, Pattern]) -> str:
    """`96 of 210 layers are pruned: 2:4 in 60, 8:16 in 36`."""
    counts = {one: sum(mask == one for mask in masks.values()) for one in in_order(masks.values())}
    dense = counts.pop(DENSE, 0)
    whole = len(masks)
    if len(counts) == 1 and not dense:
        return f"All {whole} layers are pruned to {next(iter(counts))}"
    begun = f"{whole - dense} of {whole} layers are pruned"
    if len(counts) > MOST_NAMED:
        first, *_, last = counts
        return f"{begun}: to {first} up to {last}, each to its own"
    return f"{begun}: {listed(f'{one} in {count}' for one, count in counts.items())}"


_SHARES = {
    "zmin": 0,
    "zmax": 1,
    "colorscale": CIVIDIS,
    "colorbar": {
        "title": {"text": "share dropped", "side": "right", "font": {"size": 12}},
        "thickness": 10,
        "outlinewidth": 0,
    },
}


def _z(mask: Pattern | None, patterns: Sequence[Pattern], named: bool) -> float | None:
    if mask is None:
        return None
    return patterns.index(mask) if named else 1 - mask.density


def _said(mask: Pattern | None) -> str:
    return "" if mask is None else "stays dense" if mask.is_dense else f"{mask}"


def _hex(colour: str) -> str:
    """`rgb(1, 2, 3)` as every browser and printer knows it."""
    return "#" + "".join(f"{round(part):02x}" for part in unlabel_rgb(colour))


def _steps(patterns: Sequence[Pattern]) -> dict[str, object]:
    """A colour a pattern, the names beside them; dense is as quiet as the page."""
    pruned = [one for one in patterns if not one.is_dense]
    places = [(number + 1) / (len(pruned) + 1) for number in range(len(pruned))]
    colours = dict(zip(pruned, map(_hex, sample_colorscale(CIVIDIS, places)), strict=True))
    each = [colours.get(one, QUIET) for one in patterns]
    count = len(patterns)
    scale = [
        (edge / count, colour)
        for number, colour in enumerate(each)
        for edge in (number, number + 1)
    ]
    return {
        "zmin": -0.5,
        "zmax": count - 0.5,
        "colorscale": scale,
        "colorbar": {
            "tickvals": list(range(count)),
            "ticktext": list(map(str, patterns)),
            "thickness": 10,
            "outlinewidth": 0,
        },
    }
