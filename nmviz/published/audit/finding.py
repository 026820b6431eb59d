"""What the audit says of published numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from nmviz.published.cells import Cell

Certainty = Literal["proved", "inferred"]


@dataclass(frozen=True)
class Finding:
    """Something in published numbers that contradicts something else.

    `evidence` quotes the numbers; `consequence` says what changes if the finding is right; `cells`
    are the values to be marked wherever they are shown: where a drop alone is marked, only what is
    printed is in doubt, and one recomputed from the accuracies is not.
    """

    id: str
    detector: str
    title: str
    evidence: str
    certainty: Certainty
    consequence: str
    cells: tuple[Cell, ...]


def marks(findings: Iterable[Finding]) -> Mapping[Cell, tuple[Finding, ...]]:
    """The findings of every cell that has any."""
    found: dict[Cell, tuple[Finding, ...]] = {}
    for finding in findings:
        for cell in finding.cells:
            found[cell] = (*found.get(cell, ()), finding)
    return found
