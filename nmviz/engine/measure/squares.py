"""Errors and what they are measured against, as squares pooled over windows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from torch import Tensor

from nmviz.engine.measure.dense import square
from nmviz.engine.prune.samples import Estimate, Rows


@dataclass
class Sums:
    """||error||^2 and ||reference||^2; the former from a sample has a variance and a count."""

    error: float = 0.0
    reference: float = 0.0
    variance: float = 0.0
    drawn: int = 0


class Squares:
    """||error||^2 and ||reference||^2 by name, pooled over windows in float64."""

    def __init__(self) -> None:
        self._sums: dict[object, Sums] = defaultdict(Sums)

    def add(self, name: object, error: Tensor, reference: Tensor | float) -> None:
        """An error, and its reference or the square of that."""
        sums = self._sums[name]
        sums.error += square(error)
        sums.reference += square(reference) if isinstance(reference, Tensor) else reference

    def add_sample(self, name: object, rows: Rows, error: Estimate, reference: float) -> None:
        """What rows that stand for all say of the error, and the reference's square."""
        sums = self._sums[name]
        found, variance = error
        sums.error += found
        sums.variance += variance
        sums.reference += reference
        sums.drawn += len(rows.index)

    def ratio(self, name: object) -> float:
        """||error|| / ||reference||; 0 where both are 0, 1 where only the reference is."""
        sums = self._sums[name]
        if sums.reference or isnan(sums.error):
            return (sums.error / sums.reference) ** 0.5 if sums.reference else sums.error
        return float(sums.error > 0)

    def uncertainty(self, name: object) -> tuple[float | None, int | None]:
        """Standard error of the ratio and how many tokens were drawn; None where all were read.

        By the delta method: the error of a square root is that of the square over twice the root.
        """
        sums, ratio = self._sums[name], self.ratio(name)
        if not sums.drawn:
            return None, None
        of_square = sums.variance**0.5 / sums.reference if sums.reference else 0.0
        return (of_square / (2 * ratio) if ratio else 0.0), sums.drawn

    def reference(self, name: object) -> float:
        """||reference||^2."""
        return self._sums[name].reference

    def to_json(self) -> list[list[Any]]:
        """All sums, to go on from: a row a name."""
        return [[name, *vars(sums).values()] for name, sums in self._sums.items()]

    def go_on(self, told: Sequence[Sequence[Any]], names: Mapping[Any, object]) -> None:
        """From what `to_json` gave; `names` are those of ours by what they are called there."""
        for name, *sums in told:
            self._sums[names[name]] = Sums(*sums)

    def __contains__(self, name: object) -> bool:
        return name in self._sums
