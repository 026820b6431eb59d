"""The short name under which a result is pinned: it stands in links, so it never changes."""

import hashlib

from nmviz.core.provenance import OWN
from nmviz.core.results import Result

KEY_DIGITS, PLACE_DIGITS = 12, 6
BETWEEN = "-"
DENSE = "dense"
"""Behind the key of a run of a text: the dense model, as it was read beside that run."""


def pin_of(result: Result) -> str:
    """`1f0c4a77e3b2`, the beginning of its key; of what is no run of our own with a word for where
    it stands behind, since several tables may print one experiment."""
    key = result.key[:KEY_DIGITS]
    return key if result.provenance.source == OWN else f"{key}{BETWEEN}{place_of(result)}"


def dense_pin_of(run: Result) -> str:
    """The name of the dense model beside a run of a text of our own."""
    return f"{run.key[:KEY_DIGITS]}{BETWEEN}{DENSE}"


def place_of(result: Result) -> str:
    """Six hex digits that tell the place of a result from others of its experiment."""
    told = result.provenance.printed
    parts = [] if told is None else [told.place, told.model, told.pattern, told.method, told.scope]
    text = "|".join(part or "" for part in (result.provenance.source, *parts))
    return hashlib.sha256(text.encode()).hexdigest()[:PLACE_DIGITS]
