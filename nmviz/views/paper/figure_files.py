"""Figures into files: vector SVG and PDF, PNG, HTML that needs nothing else, and their numbers.

HTML is written by plotly, the others by matplotlib: neither needs a browser.
"""

import csv
import io
import json
from pathlib import Path

import plotly.graph_objects as go

from nmviz.base.errors import UserError
from nmviz.base.spreadsheets import shown_as_text
from nmviz.base.whole_files import replace_with
from nmviz.views.paper.drawn_numbers import drawn_numbers
from nmviz.views.paper.sheet import Sheet
from nmviz.views.shared.theme import plot_config, with_title

ENDINGS = ("svg", "pdf", "png", "html", "csv", "json")
LETTERS = 84
"""Characters of a line of the sentence above an HTML figure."""


def write_figure(
    figure: go.Figure, out: Path, sheet: Sheet | None = None, caption: str = ""
) -> list[str]:
    """Write a figure with its sentence, or the numbers that it draws; the ending of `out` says how.
    What it gives are remarks on what is not as it could be.

    The file is whole or not there. UserError, one sentence, for another ending or a folder that
    cannot be written.
    """
    data, remarks = figure_as(figure, check_ending(out), sheet or Sheet(), caption, out.stem)
    write_whole(data, out)
    return remarks


def figure_as(
    figure: go.Figure, ending: str, sheet: Sheet, caption: str = "", name: str = "figure"
) -> tuple[bytes, list[str]]:
    """The bytes of a file of that ending, and remarks."""
    if ending == "html":
        return _html(with_title(figure, width=LETTERS), name).encode(), []
    if ending == "csv":
        return _csv(figure).encode(), []
    if ending == "json":
        return (json.dumps(drawn_numbers(figure), ensure_ascii=False) + "\n").encode(), []
    from nmviz.views.paper.printed import drawn_as  # matplotlib takes a while to load

    return drawn_as(figure, ending, sheet, caption)


def check_ending(out: Path, endings: tuple[str, ...] = ENDINGS, what: str = "A figure") -> str:
    """The format that a file's ending asks for. UserError for one that is not offered."""
    ending = out.suffix.removeprefix(".").lower()
    if ending not in endings:
        raise UserError(
            f"{what} is not written as {out.suffix[:20]!r}: "
            f"end --out in one of {', '.join('.' + one for one in endings)}."
        )
    return ending


def write_whole(data: bytes, out: Path) -> None:
    """Write a file as a whole. UserError where it cannot be written."""
    try:
        replace_with(out, data)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None


def _html(figure: go.Figure, name: str) -> str:
    return str(
        figure.to_html(
            include_plotlyjs=True, include_mathjax=False, config=plot_config(name), full_html=True
        )
    )


def _csv(figure: go.Figure) -> str:
    rows = drawn_numbers(figure)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else ["trace"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: shown_as_text(value) for name, value in row.items()} for row in rows)
    return out.getvalue()
