"""Figures on paper as bytes: SVG and PDF whose text and lines stay what they are, and PNG."""

import io
import re
import warnings
from collections.abc import Mapping
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
    out = io.BytesIO()
    with settings(sheet), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        drawn = on_paper(figure, sheet, caption)
        told = _about(ending, title_of(figure), caption)
        drawn.figure.savefig(out, format=ending, facecolor="white", metadata=told)
    remarks = list(drawn.remarks)
    if any(LACKING.search(str(one.message)) for one in said):
        remarks.append(f"{sheet.font} lacks some of the letters: choose another font.")
    return out.getvalue(), remarks


def _about(ending: str, title: str, caption: str) -> Mapping[str, Any]:
    """What the file says of itself; no date, so that equal figures are equal files."""
    about: dict[str, Any] = {"Title": title}
    if ending == "svg":
        return {**about, "Description": caption, "Date": None, "Creator": "nmviz"}
    if ending == "pdf":
        return {**about, "Subject": caption, "CreationDate": None, "Creator": "nmviz"}
    return {**about, "Description": caption, "Software": "nmviz"}
