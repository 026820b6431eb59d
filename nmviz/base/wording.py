"""How lists, counts and times are written in sentences."""

from collections.abc import Iterable, Sequence

NAMED = 3
"""As many are named where there may be many; of the others the number is told."""


def listed(parts: Iterable[str]) -> str:
    """`A`, `A and B`, `A, B and C`; each once."""
    each = list(dict.fromkeys(parts))
    return " and ".join(filter(None, (", ".join(each[:-1]), *each[-1:])))


def counted(number: float, what: str) -> str:
    """`1 worker`, `2 workers`, `0.5 GPUs`."""
    return f"{number:g} {what}{'' if number == 1 else 's'}"


def first_of(names: Sequence[str]) -> str:
    """`A, B, C and 4 more`."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def duration(seconds: float) -> str:
    """`8 s`, `3 min`, `2 h`: as much as an estimate can carry."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
