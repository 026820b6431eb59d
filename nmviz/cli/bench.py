"""`nmviz bench`: one benchmark, as a table or as JSON."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from nmviz.cli.options import Json
from nmviz.core.provenance import machine


def bench(
    name: Annotated[str, typer.Argument(help="One of those that --list names.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="Name every benchmark.")] = False,
    as_json: Json = False,
) -> None:
    """Measure how fast something is here, as ratios in one run."""
    from nmviz.cli.benches import BENCHES

    if listed or not name:
        print("\n".join(f"{one.name:10} {one.title}" for one in BENCHES.values()))
        return
    rows = list(BENCHES.get(name).rows())
    if as_json:
        about = {"bench": name, "machine": machine(), "rows": [asdict(row) for row in rows]}
        print(json.dumps(about))
        return
    for row in rows:
        print(
            f"{row.case:52} {1000 * row.seconds:9.2f} ms ({1000 * row.low:.2f} to "
            f"{1000 * row.high:.2f})  {row.ratio:5.2f} x {row.against}{_more(row)}"
        )


def _more(row: Any) -> str:
    """What a row has beside times and their ratio."""
    if not hasattr(row, "p95"):
        return ""
    return f"; p95 {1000 * row.p95:.2f} ms of {row.count}, {row.refused} refused"
