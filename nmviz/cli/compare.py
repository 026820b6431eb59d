"""`nmviz compare`: two stored results side by side."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from nmviz.base.errors import UserError
from nmviz.cli.options import Json
from nmviz.core.comparing.comparison import Compared, Row
from nmviz.core.metrics import METRICS
from nmviz.core.results import Measurement, Result
from nmviz.service.comparing.two_results import compare as side_by_side

WORST = 5
"""Layers that the text names; --json has all."""
NAMED = "A key, the beginning of one, a link, or settings such as 'pattern=2:4&criterion=clact'."


def compare(
    a: Annotated[str, typer.Argument(help=NAMED)],
    b: Annotated[str, typer.Argument(help="What it is compared with, named likewise.")],
    as_json: Json = False,
) -> None:
    """Set two stored results side by side: every figure, the difference, and whether it is real."""
    both = side_by_side(a, b)
    if not as_json:
        print("\n".join(_lines(both)))
        return
    try:
        print(json.dumps(both.to_json(), allow_nan=False))
    except ValueError:
        said = "A figure is not finite, which JSON cannot say: leave out --json."
        raise UserError(said) from None


def _lines(both: Compared) -> Iterator[str]:
    from nmviz.views.shared.numbers import significant

    for letter, result in (("A", both.a), ("B", both.b)):
        yield f"{letter}  {result.key[:12]}  {_called(result)}"
    yield _line("", "A", "B", "A minus B")
    for row in both.rows:
        yield f"{_line(_name(row), _level(row.a), _level(row.b), _apart(row))}  {_said(row)}"
    yield from dict.fromkeys(row.why for row in both.rows if row.why)
    layers = [one for one in both.sites if one.difference is not None]
    for one in sorted(layers, key=lambda one: abs(one.difference or 0), reverse=True)[:WORST]:
        a, b, apart = (significant(value or 0) for value in (one.a, one.b, one.difference))
        yield _line(one.name, a, b, apart)


def _line(name: str, a: str, b: str, apart: str) -> str:
    return f"{name:44} {a:>16} {b:>16} {apart:>18}".rstrip()


def _called(result: Result) -> str:
    from nmviz.views.explore.sentences import how_and_where  # which takes a while to load

    experiment = result.experiment
    what = "dense" if experiment.is_dense else f"{experiment.target} {experiment.pattern}"
    return f"{experiment.model}: {what}, {how_and_where(experiment)}"


def _name(row: Row) -> str:
    task = f"{row.a.task}, " if row.a.task else ""
    unit = METRICS.get(row.a.metric).unit
    return f"{task}{row.a.metric}" + (f" ({unit})" if unit else "")


def _level(one: Measurement) -> str:
    from nmviz.views.shared.numbers import with_error

    return with_error(one.value, one.stderr)


def _apart(row: Row) -> str:
    return "" if row.difference is None else _level(row.difference)


def _said(row: Row) -> str:
    return row.verdict + (", in pairs" if row.paired else "")
