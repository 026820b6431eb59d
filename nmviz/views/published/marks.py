"""What every figure of published results has: hover texts, marks, error bars, censored values."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from math import isfinite, log10
from typing import Any

from nmviz.core import protocols
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.results import Column
from nmviz.core.settings import USUAL_PROTOCOL
from nmviz.published.listing.choosing import Shown, leading
from nmviz.published.listing.row import Row
from nmviz.published.listing.selection import BY_METRIC, pattern_order
from nmviz.views.shared.log_axis import log_axis
from nmviz.views.shared.names import in_short
from nmviz.views.shared.numbers import BARS
from nmviz.views.shared.theme import DASHES, MARKERS, ink

SHAPES = ("triangle-up", "star", "hexagon", "triangle-down", "pentagon", "cross", "star-diamond")
LINES = ("dot", "dashdot", "longdash", "longdashdot")
LOG_METRICS = ("perplexity",)
NO_FIGURE = ("delta_nll",)
"""Quantities of the table that share a figure with none of the others."""
NO_ERROR = "not known: no number came out"
FINDING = "hollow: has a finding"
LIVE = "live: another model, text, protocol"
IMPORTED = "imported"


@dataclass(frozen=True)
class Scale:
    """The axis of the values; a censored value stands at its edge."""

    low: float
    high: float
    log: bool

    @property
    def edge(self) -> float:
        """Where a value beyond all numbers is drawn."""
        if self.log:
            return float(10 ** (log10(self.low) + 0.97 * (log10(self.high) - log10(self.low))))
        return self.low + 0.97 * (self.high - self.low)

    def axis(self) -> dict[str, Any]:
        """Settings of the axis."""
        if not self.log:
            return {"range": [self.low, self.high], "zeroline": True}
        return log_axis(self.low, self.high)


def drawable(rows: Iterable[Row]) -> list[Shown]:
    """What one figure can draw: one row a place, of the first quantity, without what is no number
    (a live run may overflow)."""
    kept = [row for row in map(_known, rows) if row is not None and row.metric not in NO_FIGURE]
    return leading(row for row in kept if row.metric == kept[0].metric)


def _known(row: Row) -> Row | None:
    """The row as far as it is known; None where its value is neither a number nor censored."""
    if row.value is not None and not isfinite(row.value):
        return None
    if row.stderr is None or isfinite(row.stderr):
        return row
    return replace(row, stderr=None, stderr_from=NO_ERROR)


def scale_of(shown: Sequence[Shown]) -> Scale:
    """From the values and their error bars, with room for what is censored."""
    rows = [one.row for one in shown]
    numbers = [row.value + sign * (row.stderr or 0) for row in rows if row.value is not None
               for sign in (-1, 1)]  # fmt: skip
    if not numbers:
        return Scale(0.1, 10.0, False)
    low, high = min(numbers), max(numbers)
    if rows[0].metric in LOG_METRICS:
        room = 1.5 if any(row.value is None for row in rows) else 1.15
        return Scale(max(low / 1.15, 1e-3), high * room, True)
    if rows[0].metric == "average_drop":
        low, high = min(low, 0.0), max(high, 0.0)
    room = 0.08 * (high - low or abs(high) or 1.0)
    return Scale(low - room * (low < 0 or rows[0].metric != "average_drop"), high + room, False)


def axis_title(rows: Sequence[Row]) -> str:
    """Noun and unit of the quantity, with what the bars are where there are any."""
    return noun(rows) + (f"<br>{BARS}" if any(row.stderr for row in rows) else "")


def labels(rows: Sequence[Row]) -> Callable[[Row], str]:
    """How a row is called beside the others of its model: its method, and what else differs."""
    several: dict[tuple[str, str, str], set[str]] = {}
    for row in rows:
        several.setdefault((panel_of(row), row.pattern, row.method), set()).add(row.layers)
    scoped = {method for (_, _, method), layers in several.items() if len(layers) > 1}
    by_task = len({row.task for row in rows}) > 1

    def label(row: Row) -> str:
        layers = f", {row.layers}" if row.method in scoped else ""
        return row.method + layers + (f", {row.task}" if by_task and row.task else "")

    return label


def column_of(row: Row) -> Column:
    """The column whose colour a row has."""
    return "dense" if row.is_dense else row.target


def styles(methods: Sequence[str], rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Marker and dash of every method: WT and ACT keep theirs, the others get what is left."""
    target = {row.method: column_of(row) for row in rows}
    plain = {"ACT": "activation", "WT": "weight", "dense": "dense"}
    others = [method for method in methods if method not in plain]
    found = {}
    for method in methods:
        if method in plain:
            symbol, dash = MARKERS[target[method]], DASHES[target[method]]
        else:
            place = others.index(method)
            symbol, dash = SHAPES[place % len(SHAPES)], LINES[place % len(LINES)]
        found[method] = {
            "symbol": symbol,
            "dash": dash,
            "colour": ink(False).colour(target[method]),
        }
    return found


def marker(rows: Sequence[Row], symbol: str, colour: str, size: int = 9) -> dict[str, Any]:
    """Filled, hollow where there is a finding, a triangle at the edge where censored."""
    return {
        "color": colour,
        "size": size,
        "symbol": [_symbol(row, symbol) for row in rows],
        "line": {"color": colour, "width": 2},
    }


def bars(rows: Sequence[Row], colour: str) -> dict[str, Any]:
    """Error bars of one standard error, where it is known."""
    return {
        "type": "data",
        "array": [row.stderr if row.value is not None and row.stderr else 0 for row in rows],
        "color": colour,
        "thickness": 1.2,
        "width": 3,
    }


def hover(one: Shown) -> str:
    """All that is known of a point, in lines."""
    row = one.row
    error = f" ± {row.error_text}" if row.error_text else ""
    lines = [
        f"<b>{_safe(row.method)}, {_safe(row.pattern)}</b>, {_safe(row.model)}",
        f"{_safe(row.text)}{error}" + (f" ({_safe(row.task)})" if row.task else ""),
        _safe(", ".join(filter(None, (row.where, row.how, row.asked.words)))),
        _safe(f"standard error: {row.stderr_from}"),
    ]
    if row.layers != "all":
        lines.append(_safe(f"layers: {row.layers}"))
    if row.note:
        lines.append(_safe(row.note))
    if one.others:
        told = [f"{other.text} ({other.where})" for other in one.others]
        lines.append(_safe(f"elsewhere: {', '.join(told)}"))
    lines += [_safe(f"{finding.certainty}: {finding.title}") for finding in row.marks]
    return "<br>".join(_wrapped(line) for line in lines)


def noun(rows: Sequence[Row]) -> str:
    """The quantity and its unit."""
    metric = rows[0].metric
    unit = METRICS.get(metric).unit
    title = BY_METRIC[metric].title
    return f"{title} ({unit})" if unit else title


def legend_only(name: str, colour: str, symbol: str) -> dict[str, Any]:
    """A line of the legend that no data stands behind."""
    line = {"color": colour, "width": 2}
    look = {"color": colour, "symbol": symbol, "size": 9, "line": line}
    return {"x": [None], "y": [None], "mode": "markers", "name": name, "marker": look}


def legend_notes(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Lines of the legend for hollow markers and censored values, where there are any."""
    muted = ink(False).muted
    notes = []
    if any(row.marks for row in rows):
        notes.append(legend_only(FINDING, muted, "circle-open"))
    if any(row.value is None for row in rows):
        notes.append(legend_only("OUT: above a cut-off, no number", muted, "triangle-up"))
    return notes


def panel_title(row: Row) -> str:
    """The model above its panel; a live one says that it is another, and on which text or rows, an
    imported one its file and how it was asked."""
    if row.imported:
        told = f"{IMPORTED}: {in_short(row.place)}"
        asked = f"<br><i>{_safe(row.asked.words)}</i>" if row.asked.words else ""
        return f"{_safe(in_short(row.model))}<br><i>{_safe(told)}</i>{asked}"
    if not row.live:
        return _safe(in_short(row.model))
    return _safe(f"{in_short(row.model)}, {read_by(row)}") + f"<br><i>{LIVE}</i>"


def read_by(row: Row) -> str:
    """What a live run read, in short: runs of one model are told apart by it."""
    one = row.experiment
    if one.tasks or one.tokens is None:
        return row.place
    usual = one.window == Experiment.model_fields["window"].default
    told = f"{one.corpus}, {one.tokens:,} tokens" + ("" if usual else f" in {one.window}s")
    return told if one.protocol == USUAL_PROTOCOL else f"{told}, {protocols.in_words(one)}"


def panel_of(row: Row) -> str:
    """Rows of one panel have the same: the model, and what is laid over text and protocol too."""
    parts = (row.model, row.place, row.asked.words) if row.laid_over else (row.model,)
    return ", ".join(filter(None, parts))


def is_drawn(row: Row) -> bool:
    """Whether a row has a place of its own: dense ones stand beside others, but imported ones,
    which may have none."""
    return row.imported or not row.is_dense


def patterns_of(rows: Iterable[Row]) -> list[str]:
    """The patterns in order, dense aside."""
    return sorted({row.pattern for row in rows if not row.is_dense}, key=pattern_order)


def _symbol(row: Row, symbol: str) -> str:
    name = "triangle-up" if row.value is None else symbol
    return f"{name}-open" if row.marks else name


def _safe(text: str) -> str:
    return escape(text, quote=False)


def _wrapped(line: str, width: int = 70) -> str:
    if len(line) <= width:
        return line
    words, lines = line.split(" "), [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return "<br>".join(lines)
