"""Which measured ratios cannot be what they say they are, and why: they are marked, not dropped."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from nmviz.published.speeds.measured import PATTERNS, Measured

NOISE = 1.05
"""Times of the same product differ by so much from run to run; a ratio may be so far above."""
COLLAPSE = 0.5
MOST_NAMED = 4


Doubts = Mapping[tuple[int, str], str]
"""By the key of a measurement, why it cannot be."""


def implausible(rows: Iterable[Measured]) -> Doubts:
    """The reason of every ratio that is in doubt.

    Where one ratio of a row is above what leaving out the dropped products can give, the dense time
    that all of the row share is in doubt, and so are all. A ratio that is less than half of what
    another of its row leaves room for is in doubt itself.
    """
    by_row: dict[int, list[Measured]] = defaultdict(list)
    for one in rows:
        by_row[one.row].append(one)
    return {one.key: why for row in by_row.values() for one, why in _of_row(row)}


def in_words(rows: Sequence[Measured], doubts: Doubts) -> str:
    """How many are in doubt, and of which measurements most are."""
    kinds: dict[str, list[bool]] = defaultdict(list)
    for one in rows:
        kinds[f"{one.machine} {one.dtype}, {one.phase}"].append(one.key in doubts)
    most = sorted(kinds, key=lambda kind: sum(kinds[kind]), reverse=True)[:MOST_NAMED]
    said = "; ".join(f"{kind}: {sum(kinds[kind])} of {len(kinds[kind])}" for kind in most)
    return (
        f"Measured speeds: {len(doubts):,} of {len(rows):,} ratios are in doubt, because the dense "
        f"measurement beside them was slow or they are far below others of their row. Most: {said}."
    )


def to_json(rows: Iterable[Measured], doubts: Doubts) -> list[dict[str, str]]:
    """Every ratio that is in doubt, where it stands and why."""
    return [
        {"place": one.place, "pattern": one.pattern, "printed": one.printed, "why": doubts[one.key]}
        for one in rows
        if one.key in doubts
    ]


def _of_row(row: Sequence[Measured]) -> Iterable[tuple[Measured, str]]:
    beyond = max(row, key=lambda one: one.ratio / one.most)
    if beyond.ratio > beyond.most * NOISE:
        why = (
            f"The dense measurement of this row was slow: {_called(beyond)} runs at "
            f"{beyond.printed} times it, and leaving products out can give at most "
            f"{beyond.most:.3g}."
        )
        return [(one, why) for one in row]
    return [(one, why) for one in row if (why := _collapsed(one, row))]


def _collapsed(one: Measured, row: Sequence[Measured]) -> str:
    """Why a ratio is too low beside another of its row; empty where it is not."""
    best = max(row, key=lambda other: other.ratio / other.most)
    expected = best.ratio * one.most / best.most
    if one.ratio >= COLLAPSE * expected:
        return ""
    return (
        f"{_called(one)} runs at {one.printed} times dense where {_called(best)}, of the same row, "
        f"runs at {best.printed}: less than half of what is left of that at this pattern."
    )


def _called(one: Measured) -> str:
    return "dense data through the sparse path" if one.pattern == PATTERNS[-1] else one.pattern
