"""Which of the found rows have the wanted words, and in which order they stand."""

from collections.abc import Sequence
from math import inf

from nmviz.published.listing.row import Row
from nmviz.published.listing.selection import (
    Order,
    method_order,
    model_order,
    pattern_order,
    place_order,
)


def with_words(found: Sequence[Row], words: str) -> list[Row]:
    """The rows in which every part of `words`, commas between, occurs somewhere."""
    wanted = [" ".join(part.lower().split()) for part in words.split(",")]
    if not any(wanted):
        return list(found)
    return [row for row in found if all(part in _haystack(row) for part in wanted)]


def _haystack(row: Row) -> str:
    said = (row.model, row.pattern, row.method, row.layers, row.task, row.where, row.source)
    more = (row.text, row.printed_method, row.note, row.marked, row.how, row.stderr_from)
    return " ".join((*said, *more, row.asked.words)).lower()


def ordered(found: Sequence[Row], order: Order) -> list[Row]:
    """By model, pattern, method, place, what is laid over last; or by value, no number last."""
    placed = _by_place(found)
    if order == "place":
        return placed
    sign = 1 if order == "least" else -1
    return sorted(placed, key=lambda row: inf if row.value is None else sign * row.value)


def _by_place(found: Sequence[Row]) -> list[Row]:
    models = {m: place for place, m in enumerate(model_order({r.experiment.model for r in found}))}
    methods = {m: place for place, m in enumerate(method_order({r.method for r in found}))}
    return sorted(
        found,
        key=lambda r: (
            r.laid_over,
            models[r.experiment.model],
            pattern_order(r.pattern),
            methods[r.method],
            place_order(r.place),
        ),
    )
