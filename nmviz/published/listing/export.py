"""Exactly the rows that are shown, as text: CSV, JSON, LaTeX."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from nmviz.base.spreadsheets import shown_as_text
from nmviz.core.metrics import METRICS
from nmviz.published.listing.imported import OTHERS
from nmviz.published.listing.live import DIFFERENT
from nmviz.published.listing.row import Row, findings_of
from nmviz.published.listing.selection import BY_METRIC

LATEX = ("Model", "Pattern", "Method", "Layers", "Task", "Value", "Standard error", "Source")
"""Columns of the LaTeX table."""
SHARED = {"Layers": "Layers of every row: {}.", "Task": "Every row: {}."}
"""Columns that are left out where all their cells are equal, and what is said instead."""
_MARK = r"\textsuperscript{\textdagger}"
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "\N{MINUS SIGN}": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "\n": " ",
    "\r": " ",
}


def to_csv(rows: Sequence[Row]) -> str:
    """One line a row under a line of names; an unknown or censored number is an empty cell."""
    return csv_of(
        [row.to_json() for row in rows], ("model", "pattern", "method", "metric", "value")
    )


def to_json(rows: Sequence[Row]) -> str:
    """A list of objects; an unknown or censored number is null."""
    return json_of([row.to_json() for row in rows])


def csv_of(told: Sequence[Mapping[str, Any]], without: Sequence[str]) -> str:
    """One line an object under a line of its names, which are those `without` any."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(told[0]) if told else without, lineterminator="\n")
    writer.writeheader()
    for one in told:
        writer.writerow({name: _cell(value) for name, value in one.items()})
    return out.getvalue()


def json_of(told: Sequence[Mapping[str, Any]]) -> str:
    """A list of objects, a line a value."""
    return json.dumps(list(told), indent=1, ensure_ascii=False, allow_nan=False)


def to_latex(rows: Sequence[Row], caption: str = "") -> str:
    """A longtable with the rules of booktabs; a dagger marks numbers with a finding. What every row
    has in common is said below it, where it would make a column too wide for the page.

    Needs \\usepackage{booktabs,longtable}.
    """
    table = [_latex_cells(row) for row in rows]
    shared = {name: cell for name in SHARED if (cell := _only({one[name] for one in table}))}
    said = [SHARED[name].format(cell) for name, cell in shared.items() if cell != "all"]
    head = [name for name in LATEX if name not in shared]
    spec = "".join("r" if name in ("Value", "Standard error") else "l" for name in head)
    rules = [r"\toprule", " & ".join(head) + r" \\", r"\midrule"]
    first = [rf"\caption{{{escape(caption)}}} \\", *rules, r"\endfirsthead"] if caption else []
    lines = [
        r"% \usepackage{booktabs,longtable}",
        r"{\footnotesize",
        rf"\begin{{longtable}}{{{spec}}}",
        *first,
        *rules,
        r"\endhead",
        *(" & ".join(cells[name] for name in head) + r" \\" for cells in table),
        r"\bottomrule",
        r"\end{longtable}}",
        *_latex_notes(rows, said),
    ]
    return "\n".join(lines) + "\n"


def _only(cells: set[str]) -> str:
    return next(iter(cells)) if len(cells) == 1 else ""


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def _latex_cells(row: Row) -> dict[str, str]:
    """What stands in each column."""
    cells = (
        escape(row.model + (" (live)" if row.live else " (imported)" if row.imported else "")),
        escape(row.pattern),
        escape(row.method),
        escape(row.layers),
        escape(row.task or _name(row)),
        escape(row.text) + (_MARK if row.marks else ""),
        escape(row.error_text) or "--",
        escape(", ".join(filter(None, (row.where, row.how, _asked(row))))),
    )
    return dict(zip(LATEX, cells, strict=True))


def _latex_notes(rows: Sequence[Row], shared: Sequence[str]) -> list[str]:
    """What all rows share and what the daggers stand for: the findings by name below the table,
    their sentences as comments."""
    found = findings_of(rows)
    names = ", ".join(rf"\texttt{{{escape(one.id)}}}" for one in found)
    notes = [*shared, *([rf"{_MARK} The audit has a finding: {names}."] if found else [])]
    notes += [f"Live: {DIFFERENT}."] if any(row.live for row in rows) else []
    notes += [f"Imported: {OTHERS}."] if any(row.imported for row in rows) else []
    said = [f"% dagger: {one.id}: {one.certainty}: {one.title}" for one in found]
    shown = [rf"\par\noindent{{\footnotesize {note}\par}}" for note in notes]
    return [*shown, *(" ".join(line.split()) for line in said)]


def _asked(row: Row) -> str:
    """How an imported row was asked: the others' places say it."""
    return row.asked.words if row.imported else ""


def _name(row: Row) -> str:
    return (BY_METRIC.get(row.metric) or METRICS.get(row.metric)).title


def _cell(value: object) -> object:
    """A cell; several findings with semicolons between."""
    return shown_as_text("; ".join(map(str, value)) if isinstance(value, list) else value)
