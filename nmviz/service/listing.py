"""Questions to the published results, answered from memory; live runs come from the store."""

from dataclasses import replace
from functools import cache, lru_cache

from nmviz.base.errors import UserError
from nmviz.published.listing import (
    Choices,
    Row,
    Selection,
    arranged,
    choices,
    published_rows,
    widen,
)
from nmviz.published.listing.live import missing
from nmviz.service.published import published
from nmviz.service.runs import store


def explore(selection: Selection) -> list[Row]:
    """The rows of a selection, the store's own runs among them where it lays them over.

    UserError where nmviz is installed without the project's published results.
    """
    known = published()
    if not known.results:
        raise UserError("The published results are not here: run nmviz from a checkout.")
    live = store().find(source="nmviz", sites=False) if selection.live else []
    found = _published(replace(selection, live=False, words="", order="place"))
    return arranged(found, known.names, selection, live)


@lru_cache(maxsize=64)
def _published(selection: Selection) -> tuple[Row, ...]:
    """Worked out once for the same choice: words, order and live runs change nothing of it."""
    known = published()
    return published_rows(known.results, known.names, known.marks, selection)


def remarks(selection: Selection, found: list[Row]) -> list[str]:
    """Sentences on what is missing from a selection's rows: what to widen, why nothing is live."""
    said = [] if found else [widen(selection, explore)]
    return [sentence for sentence in (*said, missing(selection, found)) if sentence]


@cache
def to_choose() -> Choices:
    """Everything the published results have to choose from."""
    known = published()
    return choices(known.results, known.names)
