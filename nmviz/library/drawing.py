"""Figures from a script: by name, at a printed size."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmviz.library.comparing import Named, named
from nmviz.library.framed import Framed, Rows, frame_of
from nmviz.service.figures.asked import Picture, Place
from nmviz.service.figures.catalogue import draw, figures
from nmviz.views.paper.drawn_numbers import drawn_numbers
from nmviz.views.paper.figure_files import figure_as, write_figure
from nmviz.views.paper.sheet import Sheet, sheet_from
from nmviz.views.shared.theme import title_of

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Figure(Framed):
    """A figure and how it is printed; in a notebook it is drawn."""

    picture: Picture
    sheet: Sheet

    @property
    def heading(self) -> str:
        """The finding, as a sentence."""
        return title_of(self.picture.figure)

    @property
    def caption(self) -> str:
        """Model, method, text and keys of what is drawn."""
        return self.picture.caption

    @property
    def plotly(self) -> Any:
        """The figure of the page, to be moved in and changed."""
        return self.picture.figure

    def write(self, out: str | Path) -> list[str]:
        """Write a .svg, .pdf, .png or .html file, or the numbers drawn as .csv or .json; gives
        remarks on what is not as it could be. UserError where it cannot be written."""
        return write_figure(self.picture.figure, Path(out), self.sheet, self.caption)

    def to_frame(self) -> "DataFrame":
        """A row a point, bar or cell that is drawn."""
        return frame_of(drawn_numbers(self.picture.figure))

    def _repr_html_(self) -> str:
        svg, _ = figure_as(self.picture.figure, "svg", self.sheet, self.caption)
        text = svg.decode()
        return f'<div title="{escape(self.heading)}">{text[text.index("<svg") :]}</div>'


def figure(
    name: str,
    *of: Named,
    block: int | None = None,
    projection: str = "",
    prompt: str = "",
    first_row: int = 0,
    rows: int = 32,
    first_entry: int = 0,
    entries: int = 64,
    **sheet: Any,
) -> Figure:
    """Draw a figure of those that `list_figures` names, of results named as for `compare`.

    Those of a layer take `block`, `projection` and `prompt`, masks a window of rows and entries.
    The sheet is `columns` (1 or 2) or `width` in millimetres, `font`, `size` in points, `palette`
    ("okabe-ito" or "grey") and `title` (False leaves finding and caption out). UserError for what
    there is not.
    """
    at = Place(block, projection, prompt, first_row, rows, first_entry, entries)
    return Figure(draw(name, [named(one) for one in of], at), sheet_from(sheet))


def list_figures() -> Rows[Any]:
    """Every figure by name, what it shows, and how many results it is drawn of."""
    found = tuple(figures().values())
    told = [
        {"name": one.name, "title": one.title, "kind": one.kind, "results": list(one.takes)}
        for one in found
    ]
    return Rows(found, tuple(told))
