"""Names on axes, in legends and above panels: long ones make way for what is drawn."""

import re
from html import escape, unescape

LONGEST = 40
"""Characters of a name that leave a figure of usual width room for its points."""
_TAG = re.compile(r"(<[^<>]*>)")


def in_short(name: str, most: int = LONGEST) -> str:
    """The name in at most so many characters: its middle makes way, its two ends tell it."""
    if len(name) <= most:
        return name
    end = (most - 1) // 2
    return f"{name[: most - 1 - end]}…{name[-end:]}"


def marked_in_short(text: str) -> str:
    """The same for a name between tags, such as `<b>name</b>`: every stretch between two."""
    parts = _TAG.split(text)
    return "".join(part if _TAG.fullmatch(part) else _stretch(part) for part in parts)


def _stretch(part: str) -> str:
    plain = unescape(part)
    return part if len(plain) <= LONGEST else escape(in_short(plain), quote=False)
