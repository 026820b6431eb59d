"""How lists are written in sentences."""

from collections.abc import Iterable


def listed(parts: Iterable[str]) -> str:
    """`A`, `A and B`, `A, B and C`; each once."""
    each = list(dict.fromkeys(parts))
    return " and ".join(filter(None, (", ".join(each[:-1]), *each[-1:])))
