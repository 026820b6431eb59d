"""A window of one mask: kept dark, dropped light, N:M blocks ruled."""

from math import ceil, floor, log10
from typing import Any

import numpy as np
import plotly.graph_objects as go

from nmviz.core.results import MaskWindow, SiteLook
from nmviz.core.settings import Target
from nmviz.views.shared.numbers import share
from nmviz.views.shared.theme import empty, ink, style

PRINT_ROWS, PRINT_COLUMNS = 16, 32
"""Windows up to this size have their values printed."""

LABEL_LENGTH = 12
ROW_HEIGHT, SMALLEST, LARGEST = 22, 110, 448  # pixels: a printed row, the cells in all
LABEL_HEIGHT = 13

# The hue of the target, darker on white and lighter on black, so that printed values are readable.
_KEPT: dict[tuple[Target, bool], str] = {
    ("weight", False): "#8F3F00",
    ("activation", False): "#004C77",
    ("weight", True): "#FFC397",
    ("activation", True): "#9AD3F5",
}
_DROPPED = {False: "#ECEEF1", True: "#29303B"}


def mask(look: SiteLook, *, dark: bool = False) -> go.Figure:
    """Tokens x channels (activations) or rows x columns (weights), down to single entries."""
    window = look.mask
    rows, columns = window.kept.shape
    if not rows or not columns:
        return empty("This window holds no entry: choose other rows or columns.", dark)
    printed = rows <= PRINT_ROWS and columns <= PRINT_COLUMNS
    power = print_power(window.values) if printed else None
    figure = go.Figure(_cells(look, dark, power))
    rules = block_rules(window)
    if rules:
        figure.add_trace(ruled(rules, _ends(window), ink(dark).muted))
    height = _height(rows)
    style(figure, dark, height=height + 90, title=_title(look))
    _axes(figure, look, height, power)
    return figure


def block_rules(window: MaskWindow) -> list[float]:
    """Where blocks meet inside the window, between columns, counted from column 0 of the layer."""
    if not window.group:
        return []
    first, end = window.first_column, window.first_column + window.kept.shape[1]
    start = (first // window.group + 1) * window.group
    return [edge - 0.5 for edge in range(start, end, window.group)]


def print_power(values: np.ndarray) -> int:
    """The power of ten by which most values print as two digits; one in a wide window."""
    largest = 99 if values.shape[1] <= PRINT_COLUMNS // 2 else 9
    high = float(np.quantile(np.abs(values), 0.9))
    return min(max(floor(log10(largest / high)), 0), 9) if 0 < high < float("inf") else 0


def shared_by_tokens(kept: np.ndarray) -> float | None:
    """Of what one row keeps, the share another row keeps too, averaged over all pairs of rows."""
    rows = kept.shape[0]
    columns = kept.sum(axis=0, dtype=np.int64)
    total = int(columns.sum())
    if rows < 2 or not total:
        return None
    return float((columns * (columns - 1)).sum() / ((rows - 1) * total))


def _cells(look: SiteLook, dark: bool, power: int | None) -> go.Heatmap:
    window = look.mask
    rows, columns = window.kept.shape
    row, column = ("token", "channel") if look.target == "activation" else ("row", "column")
    low, high = _DROPPED[dark], _KEPT[look.target, dark]
    return go.Heatmap(
        x0=window.first_column,
        dx=1,
        y0=window.first_row,
        dy=1,
        z=window.kept.astype(np.uint8),
        zmin=0,
        zmax=1,
        colorscale=[[0, low], [0.5, low], [0.5, high], [1, high]],
        showscale=False,
        xgap=1 if columns <= 2 * PRINT_COLUMNS else 0,
        ygap=1 if rows <= 2 * PRINT_ROWS else 0,
        customdata=_details(window),
        text=None if power is None else _printed(window.values, power),
        # Without a font size of its own the text shrinks to its cell.
        texttemplate=None if power is None else "%{text}",
        hovertemplate=f"{row} %{{y}}, {column} %{{x}}<br>value %{{customdata[0]:.3g}}<br>"
        "score %{customdata[1]:.3g}<br>mask %{z} (1 kept, 0 dropped)<extra></extra>",
    )


def _details(window: MaskWindow) -> np.ndarray:
    """[rows, columns, 2] numbers, which travel packed; words for every entry would be megabytes."""
    return np.stack([window.values, window.scores], axis=-1).astype(np.float32)


def _printed(values: np.ndarray, power: int) -> list[list[str]]:
    scaled = values.astype(float) * 10**power
    return [[f"{value:.0f}".replace("-0", "0") for value in row] for row in scaled]


def ruled(rules: list[float], ends: tuple[float, float], colour: str) -> dict[str, Any]:
    """One trace for the rules of `block_rules`; its lines stand out of the cells up to those ends,
    where a busy mask cannot hide them."""
    return {
        "type": "scatter",
        "x": [x for rule in rules for x in (rule, rule, None)],
        "y": [y for _ in rules for y in (*ends, None)],
        "mode": "lines",
        "line": {"color": colour, "width": 1},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _ends(window: MaskWindow) -> tuple[float, float]:
    rows = window.kept.shape[0]
    out = 0.5 + 0.03 * rows
    return window.first_row - out, window.first_row + rows - 1 + out


def _height(rows: int) -> int:
    if rows <= PRINT_ROWS:
        return max(SMALLEST, rows * ROW_HEIGHT)
    return min(max(PRINT_ROWS * ROW_HEIGHT, rows * 7), LARGEST)


def _axes(figure: go.Figure, look: SiteLook, height: int, power: int | None) -> None:
    window = look.mask
    rows, columns = window.kept.shape
    activation = look.target == "activation"
    above, below = _ends(window)
    column = ("direction" if look.turned else "channel") if activation else "column (input)"
    across = f"{column} of {window.columns_in_all:,}"
    if power:
        across += f"<br>printed: value × {10**power:,}"
    plain = {"showgrid": False, "zeroline": False, "showline": False}
    first = window.first_column
    figure.update_xaxes(title_text=across, range=[first - 0.5, first + columns - 0.5], **plain)
    step = ceil(rows * LABEL_HEIGHT / height)
    places = range(0, rows, step)
    figure.update_yaxes(
        title_text=f"{'token' if activation else 'row (output)'} of {window.rows_in_all:,}",
        range=[below, above],
        tickvals=[window.first_row + place for place in places],
        ticktext=[_row_name(window, place) for place in places],
        tickfont={"size": 10},
        **plain,
    )


def _row_name(window: MaskWindow, place: int) -> str:
    """`the 26`: a row's label and its number, once where the label says the number itself."""
    number, label = str(window.first_row + place), window.row_labels[place]
    return number if number in label.split() else f"{_label(label)} {number}"


def _label(text: str) -> str:
    shown = text.replace("\n", "↵").replace("\t", "⇥").strip() or "␣"
    cut = shown if len(shown) <= LABEL_LENGTH else shown[: LABEL_LENGTH - 1] + "…"
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _title(look: SiteLook) -> str:
    kept = look.mask.kept
    density = share(float(kept.mean()))
    if kept.all():
        return "Every entry of this window is kept"
    if look.target == "weight":
        return f"One mask for every token: this window keeps {density} of its weights"
    common = shared_by_tokens(kept)
    if common is None:
        return f"This window keeps {density} of its entries"
    if common == 1:
        return f"These tokens keep the same entries, {density} of this window"
    return (
        f"Each token has its own mask: two of them share {share(common)} of what they keep,"
        f" by chance {density}"
    )
