"""Exactly the rows that are shown, as text: CSV, JSON, LaTeX."""

import csv
import io
import json
from collections.abc import Sequence

from nmviz.explorer.live import DIFFERENT
from nmviz.explorer.row import Row, findings_of
from nmviz.explorer.selection import BY_METRIC
from nmviz.metrics import METRICS
from nmviz.spreadsheets import shown_as_text

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
    out = io.StringIO()
    told = [row.to_json() for row in rows]
    names = list(told[0]) if told else ["model", "pattern", "method", "metric", "value"]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for one in told:
        writer.writerow({name: _cell(value) for name, value in one.items()})
    return out.getvalue()


def to_json(rows: Sequence[Row]) -> str:
    """A list of objects; an unknown or censored number is null."""
    return json.dumps(
        [row.to_json() for row in rows], indent=1, ensure_ascii=False, allow_nan=False
    )


def to_latex(rows: Sequence[Row], caption: str = "") -> str:
    """A longtable with the rules of booktabs; a dagger marks numbers with a finding.

    Needs \\usepackage{booktabs,longtable}.
    """
    names = ("Model", "Pattern", "Method", "Task", "Value", "Standard error", "Source")
    scoped = any(row.layers != "all" for row in rows)
    head = [*names[:3], *(("Layers",) if scoped else ()), *names[3:]]
    spec = "lll" + "l" * scoped + "lrrl"
    rules = [r"\toprule", " & ".join(head) + r" \\", r"\midrule"]
    first = [rf"\caption{{{escape(caption)}}} \\", *rules, r"\endfirsthead"] if caption else []
    lines = [
        r"% \usepackage{booktabs,longtable}",
        rf"\begin{{longtable}}{{{spec}}}",
        *first,
        *rules,
        r"\endhead",
        *(" & ".join(_latex_cells(row, scoped)) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{longtable}",
        *_latex_notes(rows),
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def _latex_cells(row: Row, scoped: bool) -> list[str]:
    dagger = _MARK if row.marks else ""
    live = " (live)" if row.live else ""
    cells = [row.model + live, row.pattern, row.method, *((row.layers,) if scoped else ())]
    said = [*cells, row.task or _name(row)]
    return [
        *(escape(cell) for cell in said),
        escape(row.text) + dagger,
        escape(row.error_text) or "--",
        escape(f"{row.where}, {row.how}"),
    ]


def _latex_notes(rows: Sequence[Row]) -> list[str]:
    """What the daggers stand for: the findings by name below the table, their sentences as
    comments."""
    found = findings_of(rows)
    names = ", ".join(rf"\texttt{{{escape(one.id)}}}" for one in found)
    notes = [rf"{_MARK} The audit has a finding: {names}."] if found else []
    notes += [f"Live: {DIFFERENT}."] if any(row.live for row in rows) else []
    said = [f"% dagger: {one.id}: {one.certainty}: {one.title}" for one in found]
    shown = [rf"\par\noindent{{\footnotesize {note}\par}}" for note in notes]
    return [*shown, *(" ".join(line.split()) for line in said)]


def _name(row: Row) -> str:
    return (BY_METRIC.get(row.metric) or METRICS.get(row.metric)).title


def _cell(value: object) -> object:
    """A cell; several findings with semicolons between."""
    return shown_as_text("; ".join(map(str, value)) if isinstance(value, list) else value)
