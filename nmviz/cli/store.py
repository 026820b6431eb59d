"""`nmviz store`: create, update and check the database; results in and out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.store import open_store, seed
from nmviz.store.copying import copy
from nmviz.store.transfer.csv_file import Dialect
from nmviz.store.transfer.exporting import export_file
from nmviz.store.transfer.importing import Format, import_file

DATABASE = "A SQLite file, or an address such as postgresql://me@host/nmviz."

app = typer.Typer(no_args_is_help=True, help="Create, update and check the database.")


@app.command("build")
def store_build() -> None:
    """Create the database or bring its seeded rows up to date; your own runs stay."""
    with open_store() as store:  # the service's own is built before it is seen
        store.check_keeps()
        print(seed.build(store, again=True))


@app.command("verify")
def store_verify() -> None:
    """Recompute every key and every seeded row; status 1 when something does not agree."""
    with open_store() as store:
        problems = seed.verify(store)
    print("\n".join(problems) or "Every key and every seeded row agrees.")
    if problems:
        sys.exit(1)


@app.command("copy")
def store_copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help=DATABASE)],
    target: Annotated[str, typer.Argument(metavar="TO", help=DATABASE)],
) -> None:
    """Copy your own and imported results into another database, all or none, and compare them."""
    given = _database(source)
    if isinstance(given, Path) and not given.is_file():
        raise UserError(f"There is no database {given}: name a file that nmviz wrote.")
    with open_store(given) as own, open_store(_database(target)) as other:
        print(copy(own, other))


def _database(given: str) -> str | Path:
    """An address as it is; anything else is the file of a SQLite database."""
    return given if "://" in given else Path(given)


@app.command("import")
def store_import(
    file: Path,
    format: Annotated[
        Format, typer.Option(help="auto tells by what is in the file.")
    ] = Format.AUTO,
    model: Annotated[
        str, typer.Option(help="Of a log of llama.cpp that does not say which model it is of.")
    ] = "",
) -> None:
    """Add the results of FILE: an export of nmviz, lm-eval's JSON, a record of Every Eval Ever,
    what llama.cpp prints, or a log of the authors' code."""
    print(import_file(service.store(), file, format, model))


@app.command("export")
def store_export(
    file: Path,
    everything: Annotated[bool, typer.Option("--all", help="Published results too.")] = False,
    separator: Annotated[str, typer.Option(help="Between the cells of a .csv.")] = ",",
    decimal: Annotated[str, typer.Option(help="Before the decimals in a .csv.")] = ".",
) -> None:
    """Write nmviz's own runs and what you imported to FILE: .jsonl, which can be imported, .csv,
    for reading, or .zip, records of Every Eval Ever; with --all published results too."""
    dialect = Dialect(separator, decimal)
    print(export_file(service.store(), file, everything=everything, dialect=dialect))
