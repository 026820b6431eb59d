"""In which order the found rows stand."""

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
