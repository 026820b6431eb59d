"""Rows of the trade-offs as text: CSV, JSON, LaTeX."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nmviz.base.spreadsheets import shown_as_text
from nmviz.published.listing.export import escape

Told = Sequence[Mapping[str, Any]]
LEFT_OUT = ("key", "place", "marked")
"""Columns of no LaTeX table: they make it too wide for a page."""


def to_csv(rows: Told) -> str:
    """One line a row under a line of names."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else ["model"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: shown_as_text(value) for name, value in row.items()})
    return out.getvalue()


def to_json(rows: Told) -> str:
    """A list of objects."""
    return json.dumps(list(rows), indent=1, ensure_ascii=False, allow_nan=False)


def to_latex(rows: Told) -> str:
    """A longtable with the rules of booktabs. Needs \\usepackage{booktabs,longtable}."""
    names = [name for name in (rows[0] if rows else ()) if name not in LEFT_OUT]
    lines = [" & ".join(_cell(row[name]) for name in names) + r" \\" for row in rows]
    head = " & ".join(escape(name) for name in names) + r" \\"
    spec = "l" * len(names)
    body = "\n".join(lines)
    return (
        f"\\begin{{longtable}}{{{spec}}}\n\\toprule\n{head}\n\\midrule\n\\endhead\n{body}\n"
        "\\bottomrule\n\\end{longtable}\n"
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return escape(f"{value:.4g}" if isinstance(value, float) else str(value))


FORMATS: Mapping[str, tuple[str, str, Callable[[Told], str]]] = {
    "CSV": ("csv", "text/csv", to_csv),
    "JSON": ("json", "application/json", to_json),
    "LaTeX": ("tex", "application/x-tex", to_latex),
}
"""Ending, type and writer of each."""
