"""`nmviz table` and `nmviz report`: results in files, for a paper and for who has no Python."""

from pathlib import Path
from typing import Annotated

import typer

from nmviz.base.wording import counted
from nmviz.cli.compare import NAMED

Named = Annotated[list[str] | None, typer.Argument(metavar="[A [B ...]]", help=f"Results: {NAMED}")]


def table(
    name: Annotated[str, typer.Argument(help="One of those that --list names.")] = "",
    of: Named = None,
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .json, .tex or .html file; else it is printed.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Name every table.")] = False,
) -> None:
    """Write a table: every digit in CSV and JSON; LaTeX (booktabs) rounded by its errors."""
    from nmviz.service.tables.catalogue import TABLES
    from nmviz.service.tables.catalogue import table as made
    from nmviz.views.paper.figure_files import check_ending, write_whole
    from nmviz.views.tables.writing import ENDINGS, table_as

    if listed:
        print("\n".join(f"{one.name:12} {one.title}" for one in TABLES.values()))
        return
    ending = "csv" if out is None else check_ending(out, ENDINGS, "A table")
    text = table_as(made(name, of or ()), ending)
    if out is None:
        print(text, end="")
        return
    write_whole(text.encode(), out)
    print(f"{TABLES[name].title}: written to {out}.")


def report(
    of: Annotated[list[str], typer.Argument(metavar="A [B ...]", help=f"Results: {NAMED}")],
    out: Annotated[Path, typer.Option(help="A .html file, or a .zip with all that a paper takes.")],
    columns: Annotated[
        int | None, typer.Option(help="Of the zip's figures: 1 (84 mm) or 2 (174 mm, as usual).")
    ] = None,
    width: Annotated[float | None, typer.Option(help="Millimetres, instead of columns.")] = None,
    font: Annotated[str, typer.Option(help="A font of this machine.")] = "DejaVu Sans",
    size: Annotated[float, typer.Option(help="Points of the text at that width.")] = 8.0,
    palette: Annotated[str, typer.Option(help="okabe-ito or grey.")] = "okabe-ito",
) -> None:
    """Write a report of results: figures, tables, methods, definitions, provenance, commands."""
    from nmviz.service.reports.writing import write_report
    from nmviz.views.paper.sheet import sheet_of

    sheet = sheet_of(columns=columns, width=width, font=font, size=size, palette=palette)
    made = write_report(of, out, sheet)
    results, figures, tables = (
        counted(len(part), what)
        for part, what in (
            (made.results, "result"),
            (made.pictures, "figure"),
            (made.tables, "table"),
        )
    )
    print(f"A report of {results}, {figures} and {tables}: written to {out}.")
