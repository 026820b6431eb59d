"""All figures by name, and the one that is asked for."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial

from nmviz.base.errors import UserError
from nmviz.service.figures.asked import Named, NamedFigure, Picture, Place
from nmviz.service.figures.looked import LOOKED
from nmviz.service.figures.stored import STORED
from nmviz.service.listing import explore
from nmviz.service.tradeoffs.figures import TradeoffFigure
from nmviz.service.tradeoffs.figures import figures as tradeoffs
from nmviz.views.published.catalogue import FIGURES as PUBLISHED
from nmviz.views.published.catalogue import PaperFigure

OF_THE_PAPER = "Numbers of arXiv 2509.22166v1 and of its authors' logs, as nmviz reads them."


@cache
def figures() -> Mapping[str, NamedFigure]:
    """Every figure by its name: published, trade-offs, stored results, layers."""
    every = (*_published(), *_tradeoffs(), *STORED, *LOOKED)
    return {one.name: one for one in every}


def draw(name: str, names: Sequence[Named] = (), at: Place | None = None) -> Picture:
    """The figure of that name, of these results, at that layer.

    UserError, one sentence, for a name that there is not, for too few or too many results, and for
    what cannot be drawn of them.
    """
    if name not in figures():
        known = ", ".join(figures())
        raise UserError(f"There is no figure {name[:60]!r}: choose one of {known}.")
    one = figures()[name]
    if len(names) not in one.takes:
        raise UserError(f"{name} is drawn of {_many(one.takes)}: {len(names)} named.")
    return one.draw(names, at or Place())


def _many(takes: tuple[int, ...]) -> str:
    """`no result`, `1 or 2 results, each named by ...`."""
    if takes == (0,):
        return "no result that is named"
    most = "result" if takes == (1,) else "results"
    how = "by its key, a link of the page, or settings such as 'pattern=2:4'"
    return f"{' or '.join(map(str, takes))} {most}, each named {how}"


def _published() -> Iterator[NamedFigure]:
    for one in PUBLISHED.values():
        yield NamedFigure(one.name, one.title, "published", (0,), partial(_of_the_paper, one))


def _of_the_paper(one: PaperFigure, names: Sequence[Named], at: Place) -> Picture:
    return Picture(one.name, one.draw(explore(one.selection)), f"{one.title}. {OF_THE_PAPER}")


def _tradeoffs() -> Iterator[NamedFigure]:
    for one in tradeoffs().values():
        yield NamedFigure(one.name, one.title, "published", (0,), partial(_tradeoff, one))


def _tradeoff(one: TradeoffFigure, names: Sequence[Named], at: Place) -> Picture:
    return Picture(one.name, one.draw(), f"{one.title}.")
