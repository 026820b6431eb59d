"""Figures on paper as bytes: SVG and PDF whose text and lines stay what they are, and PNG."""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from nmviz.views.paper.drawing import on_paper, settings
from nmviz.views.paper.sheet import Sheet
from nmviz.views.shared.theme import title_of

PAPER_ENDINGS = ("svg", "pdf", "png")
LACKING = re.compile(r"Glyph \d+ .*missing from")


def drawn_as(
    figure: go.Figure, ending: str, sheet: Sheet, caption: str = ""
) -> tuple[bytes, list[str]]:
    """The bytes of a file of that ending, and a sentence on whatever is not as it could be: cells
    that are a picture, letters that the font lacks."""
    files, remarks = drawn_in(figure, (ending,), sheet, caption)
    return files[ending], remarks


def drawn_in(
    figure: go.Figure, endings: Sequence[str], sheet: Sheet, caption: str = ""
) -> tuple[dict[str, bytes], list[str]]:
    """The same for several endings, set out once."""
    files: dict[str, bytes] = {}
    with settings(sheet), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        drawn = on_paper(figure, sheet, caption)
        for ending in endings:
            out = io.BytesIO()
            told = _about(ending, title_of(figure), caption)
            drawn.figure.savefig(out, format=ending, facecolor="white", metadata=told)
            files[ending] = out.getvalue()
    remarks = list(drawn.remarks)
    if any(LACKING.search(str(one.message)) for one in said):
        remarks.append(f"{sheet.font} lacks some of the letters: choose another font.")
    return files, remarks


def _about(ending: str, title: str, caption: str) -> Mapping[str, Any]:
    """What the file says of itself; no date, so that equal figures are equal files."""
    about: dict[str, Any] = {"Title": title}
    if ending == "svg":
        return {**about, "Description": caption, "Date": None, "Creator": "nmviz"}
    if ending == "pdf":
        return {**about, "Subject": caption, "CreationDate": None, "Creator": "nmviz"}
    return {**about, "Description": caption, "Software": "nmviz"}
