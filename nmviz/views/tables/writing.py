"""Tables as text: CSV and JSON with every digit, LaTeX and HTML rounded by the standard errors."""

from html import escape

from nmviz.published.listing.export import csv_of, json_of
from nmviz.published.listing.export import escape as in_latex
from nmviz.views.tables.table import Table

_NUMBER = " class='number'"
ENDINGS = ("csv", "json", "tex", "html")


def table_as(table: Table, ending: str) -> str:
    """The table as text of that ending."""
    writers = {"csv": to_csv, "json": to_json, "tex": to_latex, "html": to_html}
    return writers[ending](table)


def to_csv(table: Table) -> str:
    """A line of names, then one a row; an unknown number is an empty cell."""
    return csv_of(table.records(), table.columns)


def to_json(table: Table) -> str:
    """A list of objects; an unknown number is null."""
    return json_of(table.records()) + "\n"


def to_latex(table: Table) -> str:
    """A `tabular` with the rules of booktabs, which any class of one or two columns takes.

    Numbers of a column have equal decimals and end below each other, their errors beside them; what
    is best of a column, each difference being real, is bold. Needs \\usepackage{booktabs}.
    """
    spec = "".join(
        ("r@{$\\,\\pm\\,$}l" if errors else "r") if numeric else "l"
        for numeric, errors in zip(table.numeric, table.with_errors, strict=True)
    )
    columns = [_column(table, place) for place in range(len(table.columns))]
    lines = [" & ".join(cells) + r" \\" for cells in zip(*columns, strict=True)]
    return "\n".join(
        (
            rf"% {table.title}: \usepackage{{booktabs}}",
            rf"\begin{{tabular}}{{{spec}}}",
            r"\toprule",
            *_latex_head(table),
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            *(f"% {' '.join(note.split())}" for note in table.notes),
            "",
        )
    )


def to_html(table: Table) -> str:
    """A table of a page, with its title and notes."""
    head = "".join(
        f"<th scope='col'{_NUMBER if numeric else ''}>{escape(name)}</th>"
        for name, numeric in zip(table.columns, table.numeric, strict=True)
    )
    columns = [
        [_html_cell(*one, numeric) for one in table.written(place)]
        for place, numeric in enumerate(table.numeric)
    ]
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in zip(*columns, strict=True))
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
    caption = f"<caption>{escape(table.title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}\n"


def _latex_head(table: Table) -> list[str]:
    """The names of the columns, and in a line below them the units, so that columns are narrow."""
    parts = [_name_and_unit(name) for name in table.columns]
    return [
        " & ".join(
            rf"\multicolumn{{2}}{{c}}{{{in_latex(part)}}}" if errors else in_latex(part)
            for part, errors in zip(line, table.with_errors, strict=True)
        )
        + r" \\"
        for line in zip(*parts, strict=True)
        if any(line)
    ]


def _name_and_unit(name: str) -> tuple[str, str]:
    """`delta nll (nats a token)` in two."""
    words, _, unit = name.rpartition(" (") if name.endswith(")") else (name, "", "")
    return words, f"({unit}" if unit else ""


def _column(table: Table, place: int) -> list[str]:
    """The cells of a column; where numbers have errors each is two."""
    if not table.numeric[place]:
        return [in_latex(str(cell or "")) for cell in table.of(place)]
    return [_latex_cell(*one, table.with_errors[place]) for one in table.written(place)]


def _latex_cell(value: str, error: str, best: bool, errors: bool) -> str:
    number = in_latex(value)
    number = rf"\textbf{{{number}}}" if best else number
    if not errors:
        return number
    if not error:  # the sign between the two belongs to the column, so it is spanned
        return rf"\multicolumn{{1}}{{r}}{{{number}}} & "
    return f"{number} & {in_latex(error)}"


def _html_cell(value: str, error: str, best: bool, numeric: bool) -> str:
    said = escape(f"{value} ± {error}" if error else value)
    said = f"<b>{said}</b>" if best else said
    return f"<td{_NUMBER if numeric else ''}>{said}</td>"
