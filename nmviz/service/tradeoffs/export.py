"""Rows of the trade-offs as text: CSV, JSON, LaTeX."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nmviz.published.listing.export import csv_of, escape, json_of

Told = Sequence[Mapping[str, Any]]
LEFT_OUT = ("key", "place", "marked")
"""Columns of no LaTeX table: they make it too wide for a page."""


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
    "CSV": ("csv", "text/csv", lambda rows: csv_of(rows, ("model",))),
    "JSON": ("json", "application/json", json_of),
    "LaTeX": ("tex", "application/x-tex", to_latex),
}
"""Ending, type and writer of each."""
