"""Words of a figure as paper has them: without tags, in lines that fit."""

import re
from collections.abc import Sequence
from functools import lru_cache
from html import unescape
from typing import Any

BREAK = re.compile(r"<br\s*/?>")
TAG = re.compile(r"</?(b|i|em|sub|sup|span)\b[^>]*>")


def plain(text: object) -> str:
    """The words without tags; `<br>` is a new line, entities are characters."""
    return unescape(TAG.sub("", BREAK.sub("\n", "" if text is None else str(text))))


def wrapped(text: str, width: float, size: float, font: str) -> str:
    """The words in lines at most `width` points wide, in letters of that size, which a printer may
    set a little wider than they are measured."""
    width *= 0.96
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, size, font) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


@lru_cache(maxsize=4096)
def width_of(text: str, size: float, font: str) -> float:
    """Points that a line takes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    return float(
        TextToPath().get_text_width_height_descent(
            text, FontProperties(family=font, size=size), ismath=False
        )[0]
    )


def superscript(power: int) -> str:
    """A power of ten: `10⁻³`."""
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def first(*values: Any) -> Any:
    """The first of them that is said."""
    return next((one for one in values if one is not None), None)


def each(value: Any, count: int, usual: Any) -> list[Any]:
    """One value for every point: a list as it is, a single value or what is usual for all."""
    if (isinstance(value, Sequence) and not isinstance(value, str)) or hasattr(value, "tolist"):
        return [first(one, usual) for one in value]
    return [first(value, usual)] * count
