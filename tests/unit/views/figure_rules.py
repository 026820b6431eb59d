"""What holds for every figure, whatever it is drawn from."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from math import isfinite, log10
from typing import Any

import numpy as np
import plotly.graph_objects as go
from figures import axes_of, words_of

from nmviz.views.shared.theme import title_of

HEX = re.compile(r"#[0-9A-Fa-f]{6}(?:[0-9A-Fa-f]{2})?")
OTHER_COLOUR = re.compile(r'"[^"]*(?:oklch|rgba?|hsla?)\(')
NO_WORD = re.compile(r"(?<![\w.])[-+−]?(?:nan|NaN|None|inf|Infinity)(?![\w])")
"""How a number that is none, or a value that is not there, would be written by mistake."""
TAG = re.compile(r"</?(?:b|i|br|span)\b[^<>]*>")
"""The tags that figures use themselves; any other came in with a name."""
WIDEST = 44
"""Characters of a name beside the points, in its widest line: more would leave them no room."""
HIDDEN = 0.2
"""How far below a log axis, in powers of ten, an empty bin is drawn: there is no place for 0."""
A_POINT_EACH = ("y", "text", "hovertext", "customdata", "base")


def check_figure(figure: go.Figure) -> None:
    """Every rule at once."""
    numbers_are_finite(figure)
    points_are_whole(figure)
    words_can_be_read(figure)
    axes_can_be_read(figure)
    points_stand_on_their_axes(figure)
    legend_is_unique(figure)
    theme_is_kept(figure)


def theme_is_kept(figure: go.Figure) -> None:
    """Colours that every browser and printer knows, a height, and the sentence outside the plot."""
    text = figure.to_json()
    assert not OTHER_COLOUR.search(text)
    for key, value in colours(json.loads(text)):
        assert HEX.fullmatch(value), (key, value)
    assert figure.layout.height >= 100
    assert figure.layout.title.text is None


def numbers_are_finite(figure: go.Figure) -> None:
    """Valid JSON, and no number that is none but the gaps of a heatmap, which are not drawn."""
    json.loads(figure.to_json(), parse_constant=_refuse)
    drawn = figure.to_plotly_json()
    drawn["layout"].pop("template")
    for path, value in numbers(drawn):
        gap = path.endswith(".z") and np.isnan(value)
        assert gap or isfinite(value), path


def points_are_whole(figure: go.Figure) -> None:
    """Every trace has points, and each of them a place, and a word where there are words."""
    for trace in figure.data:
        if trace.type == "heatmap":
            continue
        points = len(trace.x)
        assert points, f"{trace.name} draws nothing"
        assert [x is None for x in trace.x] == [y is None for y in trace.y]
        for name in A_POINT_EACH:
            told = getattr(trace, name, None)
            assert told is None or len(told) == points, name
        bars = (trace.error_x.array, trace.error_x.arrayminus, trace.error_y.array)
        for told in (*bars, trace.marker["symbol"] if trace.type == "scatter" else None):
            assert told is None or isinstance(told, str) or len(told) == points


def points_stand_on_their_axes(figure: go.Figure) -> None:
    """No point lies off an axis whose ends are set, or at 0 on a log axis."""
    for trace in figure.data:
        if trace.type != "scatter":
            continue
        for letter in "xy":
            axis = figure.layout[f"{letter}axis{(trace[letter + 'axis'] or letter)[1:]}"]
            known = [value for value in trace[letter] if value is not None]
            places = [log10(value) for value in known] if axis.type == "log" else known
            if axis.range is not None:
                low, high = sorted(axis.range)
                low -= HIDDEN if axis.type == "log" else 0
                assert all(low <= place <= high for place in places), (trace.name, letter)


def words_can_be_read(figure: go.Figure) -> None:
    """A sentence without a full stop where anything is drawn, else a note that says why not."""
    assert bool(title_of(figure)) == bool(figure.data)
    assert not title_of(figure).endswith((".", "!"))
    assert figure.data or figure.layout.annotations[0].text
    for words in words_of(figure):
        assert not NO_WORD.search(words), words
        assert "<" not in TAG.sub("", words) or words == title_of(figure), words


def axes_can_be_read(figure: go.Figure) -> None:
    """Every axis has a title, names or a note beside its panels; a range, and ticks inside it."""
    headings = [note for note in figure.layout.annotations if note.xref == "paper"]
    for name, axis in axes_of(figure).items():
        assert axis.title.text or axis.ticktext or headings, name
        if axis.range is not None:
            low, high = axis.range
            assert low != high, name
        assert all(width(words) <= WIDEST for words in axis.ticktext or ())
        if axis.type == "log":
            _log_axis(axis)
    for shape in figure.layout.shapes:
        _shape_is_drawn(figure, shape)


def width(words: str) -> int:
    """Characters of the widest line, as it is read."""
    return max(len(unescape(TAG.sub("", line))) for line in words.split("<br>"))


def _log_axis(axis: Any) -> None:
    if axis.range is not None and axis.tickvals is not None:
        inside = [tick for tick in axis.tickvals if axis.range[0] <= log10(tick) <= axis.range[1]]
        assert len(inside) >= 2, (axis.range, axis.tickvals)
        assert len(inside) <= 16, inside


def _shape_is_drawn(figure: go.Figure, shape: Any) -> None:
    """A line on a log axis stands at a number that has a place there."""
    for letter, ends in (("x", (shape.x0, shape.x1)), ("y", (shape.y0, shape.y1))):
        axis = str(shape[f"{letter}ref"] or letter)
        if " " in axis or axis == "paper":
            continue
        if figure.layout[f"{letter}axis{axis[1:]}"].type == "log":
            assert all(end > 0 for end in ends)


def legend_is_unique(figure: go.Figure) -> None:
    if figure.layout.showlegend is False:
        return
    names = Counter(trace.name for trace in figure.data if trace.showlegend is not False)
    assert set(names.values()) <= {1}, names
    assert all(width(name) <= WIDEST for name in names if name)


def colours(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every colour of a figure's JSON with the name it stands under."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from colours(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from colours(value, key)
    elif isinstance(node, str) and ("color" in key or node.startswith("#")):
        yield key, node


def numbers(node: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a figure with the way to it."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from numbers(value, f"{path}.{name}")
    elif isinstance(node, np.ndarray) and node.dtype.kind in "fiu":
        yield from ((path, float(value)) for value in node.flat)
    elif isinstance(node, (list, tuple, np.ndarray)):
        for value in node:
            yield from numbers(value, path)
    elif isinstance(node, (int, float, np.number)) and not isinstance(node, bool):
        yield path, float(node)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
