"""Questions to the published results, answered from memory; live runs and what was imported come
from the store."""

from dataclasses import fields, replace
from functools import cache, lru_cache

from nmviz.base.errors import UserError
from nmviz.base.validation import one_of
from nmviz.core.results import Result
from nmviz.published.listing import (
    MEASURES,
    ORDERS,
    Choices,
    Imported,
    Row,
    Selection,
    arranged,
    choices,
    published_rows,
    widen,
)
from nmviz.published.listing import imported as foreign
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
    live = store().own_runs() if selection.live else ()
    brought = imported() if selection.imported else ()
    plain = replace(selection, live=False, imported=False, words="", order="place")
    return arranged(_published(plain), known.names, selection, live, brought)


def rows_of(**chosen: object) -> list[Row]:
    """The rows of a selection by the names of its fields, a text for a list of one. UserError for a
    field or a value that there is not."""
    return explore(selected(**chosen))


def selected(**chosen: object) -> Selection:
    """The selection of these fields. UserError for a field or a value that there is not."""
    known = {one.name: one for one in fields(Selection)}
    if unknown := [name for name in chosen if name not in known]:
        raise UserError(f"Rows are not chosen by {unknown[0][:40]!r}: {', '.join(known)}.")
    told = {name: _as_list(known[name].default, value) for name, value in chosen.items()}
    selection = Selection(**told)  # type: ignore[arg-type]
    one_of(selection.metric, tuple(MEASURES), "Rows are of")
    one_of(selection.order, tuple(ORDERS), "Rows are put in order by")
    return selection


def _as_list(default: object, value: object) -> object:
    """What a field takes: a tuple where it is one, of one text too."""
    if not isinstance(default, tuple):
        return value
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]


def imported() -> tuple[Imported, ...]:
    """What a user imported that is neither a run of this program nor published, oldest first."""
    titles = {one.id: one.title for one in store().imported_sources()}
    if not titles:
        return ()
    found = store().find(source=list(titles), sites=False)
    return tuple(Imported(one, _file(one, titles[one.provenance.source])) for one in found)


def imported_rows() -> list[Row]:
    """Every number of what was imported."""
    return foreign.whole_list(imported(), published().names)


def _file(result: Result, title: str) -> str:
    """`lm-eval result a.json (3fa2b1)`: files of one name are told apart by what they say."""
    source = result.provenance.source
    digest = source.rpartition(":")[2][:6]
    return title if title == source else f"{title} ({digest})"


@lru_cache(maxsize=64)
def _published(selection: Selection) -> tuple[Row, ...]:
    """Worked out once for the same choice: words, order and live runs change nothing of it."""
    known = published()
    return published_rows(known.results, known.names, known.marks, selection)


def remarks(selection: Selection, found: list[Row]) -> list[str]:
    """Sentences on what is missing from a selection's rows: what to widen, why nothing is live."""
    said = [] if found else [widen(selection, explore)]
    said.append(missing(selection, found))
    if selection.imported:
        said.append(foreign.missing(selection, found, imported()))
    return [sentence for sentence in said if sentence]


@cache
def to_choose() -> Choices:
    """Everything the published results have to choose from."""
    known = published()
    return choices(known.results, known.names)
