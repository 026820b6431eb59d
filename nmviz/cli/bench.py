"""`nmviz bench`: one benchmark, as a table or as JSON."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nmviz.base.benching import Row, Size
from nmviz.base.errors import UserError
from nmviz.cli.options import Json
from nmviz.core.provenance import machine

TURNS = 5


def bench(
    name: Annotated[str, typer.Argument(help="One of those that --list names.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="Name every benchmark.")] = False,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="An older checkout: its commands too (sweep, memory)."),
    ] = None,
    turns: Annotated[
        int | None,
        typer.Option(min=1, help=f"How often commands are run, {TURNS} unless said otherwise."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure how fast something is here, as ratios in one run."""
    from nmviz.cli.benches import BENCHES

    if listed or not name:
        print("\n".join(f"{one.name:10} {one.title}" for one in BENCHES.values()))
        return
    chosen = BENCHES.get(name)
    if not chosen.of_commands and (against, turns) != (None, None):
        said = ", ".join(one.name for one in BENCHES.values() if one.of_commands)
        raise UserError(f"{name} runs no commands: --against and --turns go with {said}.")
    rows = list(chosen.rows(against, turns or TURNS) if chosen.of_commands else chosen.rows())
    if as_json:
        about = {"bench": name, "machine": machine(), "rows": [asdict(row) for row in rows]}
        print(json.dumps(about))
        return
    for row in rows:
        print(f"{row.case:52} {_middle(row)}  {row.ratio:5.2f} x {row.against}{_more(row)}")


def _middle(row: Row | Size) -> str:
    if isinstance(row, Size):
        middle, low, high = (one / 1e9 for one in (row.peak, row.low, row.high))
        return f"{middle:9.2f} GB ({low:.2f} to {high:.2f})"
    return f"{1000 * row.seconds:9.2f} ms ({1000 * row.low:.2f} to {1000 * row.high:.2f})"


def _more(row: Any) -> str:
    """What a row has beside times and their ratio."""
    if not hasattr(row, "p95"):
        return ""
    return f"; p95 {1000 * row.p95:.2f} ms of {row.count}, {row.refused} refused"
