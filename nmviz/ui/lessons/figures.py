"""The small figures of a step, in HTML: bars on one scale, and numbers in groups."""

from collections.abc import Callable, Sequence

from nmviz.lessons.shared.step import Bars, Cells, Figure, Row
from nmviz.ui.shell.html import esc
from nmviz.views.shared.numbers import significant


def drawn(figure: Figure | None) -> str:
    """The figure with its caption; nothing where there is none, or nothing to draw."""
    if isinstance(figure, Bars):
        return _framed(figure.caption, _bars(figure.rows)) if figure.rows else ""
    return _framed(figure.caption, _cells(figure)) if figure else ""


def _framed(caption: str, inside: str) -> str:
    return f"<figure>{inside}<figcaption>{esc(caption)}.</figcaption></figure>"


def _bars(rows: Sequence[Row]) -> str:
    ends = [end for row in rows for end in (row.value, row.low, row.high) if end is not None]
    low, high = min(0.0, *ends), max(0.0, *ends)
    scale = (high - low) or 1.0

    def at(value: float) -> float:
        return 100 * (value - low) / scale

    return f'<div class="bars">{"".join(_bar(row, at(0.0), at) for row in rows)}</div>'


def _bar(row: Row, zero: float, at: Callable[[float], float]) -> str:
    start, end = sorted((zero, at(row.value)))
    reach = ""
    if row.low is not None and row.high is not None:
        left, right = at(row.low), at(row.high)
        reach = f'<i class="reach" style="left:{left:.1f}%;width:{right - left:.1f}%"></i>'
    return (
        f'<div class="bar {row.kind}"><span class="of">{esc(row.label)}</span>'
        f'<span class="track"><i class="zero" style="left:{zero:.1f}%"></i>'
        f'<i class="fill" style="left:{start:.1f}%;width:{end - start:.1f}%"></i>{reach}</span>'
        f'<span class="written">{esc(row.written)}</span></div>'
    )


def _cells(figure: Cells) -> str:
    largest = max(map(abs, figure.values)) or 1.0
    pairs = list(zip(figure.values, figure.kept, strict=True))
    groups = [pairs[start : start + figure.group] for start in range(0, len(pairs), figure.group)]
    inside = "".join(
        f'<span class="group of-{figure.group}">'
        f"{''.join(_cell(*pair, largest) for pair in group)}</span>"
        for group in groups
    )
    return f'<div class="sixteen">{inside}</div>'


def _cell(value: float, stays: bool, largest: float) -> str:
    """A dropped number is struck out, and said to be so."""
    written = esc(significant(value))
    size = f"--size:{abs(value) / largest:.2f}"
    if stays:
        return f'<b class="kept" style="{size}">{written}</b>'
    return f'<s class="dropped" style="{size}">{written}</s>'
