"""The list of everything that was imported, whatever the settings of the tab choose."""

from nmviz.published.listing import Row
from nmviz.published.listing.imported import NONE_YET, OTHERS
from nmviz.published.listing.selection import BY_METRIC
from nmviz.service.listing import imported_rows
from nmviz.ui.shell.html import esc, table

MOST = 500
"""Numbers listed; the rest is in an export."""
HEAD = ["file", "model", "pattern", "method", "quantity", "task", "value", "asked"]


def listed() -> str:
    """Each number with its file and how it was asked, or how to import something."""
    found = imported_rows()
    if not found:
        return f'<p class="words">{esc(NONE_YET.replace("`", ""))}</p>'
    more = f" The first {MOST} of {len(found):,} numbers." if len(found) > MOST else ""
    said = f"Imported results are {OTHERS}.{more} nmviz store export FILE.csv writes all of them."
    rows = [_cells(row) for row in found[:MOST]]
    return f'<p class="words">{esc(said)}</p>' + table("Imported results", HEAD, rows)


def _cells(row: Row) -> list[str]:
    error = f" ± {row.error_text}" if row.error_text else ""
    told = (row.place, row.model, row.pattern, row.method, BY_METRIC[row.metric].title, row.task)
    return [esc(part) for part in (*told, row.text + error, row.asked.words)]
