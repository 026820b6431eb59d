"""Colours on paper: as they are, or greys that stay apart."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from matplotlib.colors import to_hex, to_rgb

Ink = Callable[[Any], str]
"""The colour on paper of a colour of the page."""
APART = 0.13
"""How far the greys of two colours lie from one another, of 1."""
LIGHTEST = 0.9
FEW = 6
"""Colours of one kind of thing that each have a meaning of their own."""
CLEAR = "none"
_SHADE = (0.2126, 0.7152, 0.0722)


def as_it_is(colour: Any) -> str:
    """The colour of the page; what is clear stays clear."""
    text = str(colour or "#000000")
    if text.startswith("rgb("):
        red, green, blue = (float(part) / 255 for part in text[4:-1].split(","))
        return str(to_hex((red, green, blue)))
    return CLEAR if len(text) == 9 and text.endswith("00") else text


def greys(colours: Iterable[Any]) -> Ink:
    """Each of the colours as a grey by its brightness, far enough from the others to be told."""
    known = {as_it_is(one) for one in colours} - {CLEAR}
    ordered = sorted(known, key=lambda one: (brightness(one), one))
    levels: list[float] = []
    for one in ordered:
        least = levels[-1] + APART if levels else 0.0
        levels.append(max(brightness(one), least))
    most = max(levels, default=0.0)
    if most > 1:
        levels = [level * LIGHTEST / most for level in levels]
    chosen = {one: _grey(level) for one, level in zip(ordered, levels, strict=True)}

    def ink(colour: Any) -> str:
        plain = as_it_is(colour)
        return plain if plain == CLEAR else chosen.get(plain) or _grey(brightness(plain))

    return ink


def brightness(colour: str) -> float:
    """Of 1, as an eye has it: the weighted mean of red, green and blue as they are written."""
    return sum(part * share for part, share in zip(to_rgb(colour), _SHADE, strict=True))


def colours_of(traces: Iterable[Mapping[str, Any]]) -> list[Any]:
    """What lines, points and cells of a few colours are drawn with; many are a scale, in which
    brightness alone tells."""
    found: list[Any] = []
    for trace in traces:
        for part in ("line", "marker"):
            one = (trace.get(part) or {}).get("color")
            several = [*one] if isinstance(one, (list, tuple)) else [one]
            found += several if len({*several}) <= FEW else []
        scale = trace.get("colorscale") or ()
        steps = {str(one[1]) for one in scale if not isinstance(one, str)}
        found += steps if len(steps) <= FEW else ()
    return [one for one in found if one is not None]


def _grey(level: float) -> str:
    return str(to_hex((level, level, level)))
