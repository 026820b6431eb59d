"""The explorer's core: published results, chosen, recomputed and written out; nothing is drawn."""

from nmviz.published.listing.choosing import Shown, leading, widen
from nmviz.published.listing.export import to_csv, to_json, to_latex
from nmviz.published.listing.imported import Imported
from nmviz.published.listing.row import Row, findings_of
from nmviz.published.listing.rows import arranged, published_rows, rows
from nmviz.published.listing.selection import (
    MEASURES,
    ORDERS,
    Choices,
    Measure,
    Selection,
    choices,
    pattern_order,
    task_title,
)

__all__ = [
    "MEASURES",
    "ORDERS",
    "Choices",
    "Imported",
    "Measure",
    "Row",
    "Selection",
    "Shown",
    "arranged",
    "choices",
    "findings_of",
    "leading",
    "pattern_order",
    "published_rows",
    "rows",
    "task_title",
    "to_csv",
    "to_json",
    "to_latex",
    "widen",
]
