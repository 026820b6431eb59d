"""One printed value by where it stands, so that a finding can point to it."""

from collections.abc import Iterator
from typing import NamedTuple

from nmviz.core.results import Result


class Cell(NamedTuple):
    """One value of a published source, in the source's own words."""

    source: str
    place: str
    model: str
    pattern: str
    method: str
    scope: str
    metric: str
    task: str

    def __str__(self) -> str:
        """`Table 10, Llama3.1-8B, 2:4, WANDA: acc of arc_easy`."""
        row = ", ".join(
            filter(None, (self.place, self.model, self.pattern, self.method, self.scope))
        )
        return f"{row}: {self.metric}" + (f" of {self.task}" if self.task else "")


def cell(result: Result, metric: str, task: str | None = None) -> Cell:
    """The place of one quantity of a published result. ValueError for a run of our own."""
    printed = result.provenance.printed
    if printed is None:
        raise ValueError("a result that was not published stands in no table")
    row = (printed.place, printed.model, printed.pattern, printed.method, printed.scope or "")
    return Cell(result.provenance.source, *row, metric, task or "")


def cells(result: Result) -> Iterator[Cell]:
    """The place of every quantity of a published result, censored ones too."""
    return (cell(result, one.metric, one.task) for one in result.quantities)
