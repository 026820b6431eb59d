"""`nmviz together`: the columns that several tokens of real text need together."""

import json
from threading import Event
from typing import Annotated

import typer

from nmviz.base.errors import UserError
from nmviz.cli.options import Json


def together(
    model: Annotated[str, typer.Argument(help="A pinned model, a folder, or a name on the hub.")],
    as_json: Json = False,
) -> None:
    """Say which share of the weight columns several tokens need together: where dropped
    activations stop saving reads."""
    from nmviz.service.tradeoffs.together import METRIC, measure, shares_of, stored

    found = stored(model)
    if found is None:
        *_, last = measure(model, Event())
        found = last.results[0] if last.results else None
    if found is None:
        raise UserError(f"{model} was not measured: try again.")
    made, shares = found.experiment, shares_of(found)
    if as_json:
        rows = [
            {"tokens": one.tokens, "of": one.kind, "value": one.value, "stderr": one.error}
            | {"n": one.n, "unit": "share of d_in", "known": "measured", "source": "nmviz"}
            for one in shares
        ]
        print(json.dumps({"model": made.model, "pattern": made.pattern, METRIC: rows}))
        return
    print(f"{made.model}, activations {made.pattern}: columns needed, mean over layers [measured]")
    print(f"  1 token: {100 * made.mask.density:.1f}%")
    for one in shares:
        error = "" if one.error is None else f" ± {100 * one.error:.1f}"
        print(f"  {one.tokens} {one.kind}: {100 * one.value:.1f}%{error}")
