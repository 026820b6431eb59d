"""`nmviz attribute`: what each block, projection or layer costs pruned alone."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from nmviz.base.errors import UserError
from nmviz.base.validation import built
from nmviz.cli.options import Json, Memory, bound_of, fields_of, options_of
from nmviz.cli.run import follow
from nmviz.core.attribution.parts import Attribution, Part, check_way
from nmviz.core.experiment import Experiment
from nmviz.core.running import Running
from nmviz.core.settings import Settings
from nmviz.service import attribution
from nmviz.service.plans.known_plans import with_plan
from nmviz.views.shared.floors import no_floor, noise_of
from nmviz.views.shared.numbers import column, significant

SETTINGS = (
    *("target", "pattern", "criterion", "mitigations", "ties", "projections", "blocks"),
    *("corpus", "tokens", "window", "bos", "protocol", "stride", "calibration_windows", "seed"),
)
SHOWN = 12
"""Parts that the text names; --json has all."""


@options_of(
    settings=fields_of(Settings, *SETTINGS),
    how=fields_of(Running, "device", "rerun", "noise_floor"),
)
def attribute(
    model: Annotated[
        str, typer.Argument(help="A pinned model, a Hub id, a folder or a GGUF file.")
    ],
    settings: dict[str, Any],
    how: dict[str, Any],
    by: Annotated[str, typer.Option(help="block, projection or site: what is pruned alone.")] = (
        "block"
    ),
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Say what each part of a model costs pruned alone, beside random noise of the same size."""
    way = check_way(by)
    experiment = Experiment.build(**with_plan({"model": model, **settings}))
    running = built(Running, how | {"memory": bound_of(memory)})
    last = follow(attribution.attribute(experiment, way, how=running), "tokens", kept=True)
    found = attribution.attributed(way, last.results)
    print(json.dumps(found.to_json(), allow_nan=False) if as_json else "\n".join(_lines(found)))


def _lines(found: Attribution) -> Iterator[str]:
    cost, ratio = found.whole.get("delta_nll"), found.additivity
    if cost is None:
        raise UserError("Nothing was measured: ask for more tokens.")
    parts = sorted(found.parts, key=_cost, reverse=True)
    yield f"all at once: {cost.value:.4f} ± {cost.stderr or 0:.4f} nats a token"
    if ratio is not None:
        error = "" if ratio.stderr is None else f" ± {ratio.stderr:.2f}"
        yield f"sum of {len(parts)} parts over that: {ratio.value:.2f}{error}"
    runs = [found.whole, *(part.result for part in parts)]
    yield from filter(None, [no_floor(runs)])
    floors = noise_of(runs) is not None
    head = f"{'pruned alone':40} {'costs':>18} {'noise as large':>18}"
    yield head + (f" {'noise floor':>12}" if floors else "")
    costs = column([_pair(part, "delta_nll") for part in parts[:SHOWN]])
    noises = column([_pair(part, "noise_delta_nll") for part in parts[:SHOWN]])
    for part, own, other in zip(parts, costs, noises, strict=False):
        line = f"{part.site:40} {' ± '.join(own):>18} {' ± '.join(other):>18}"
        yield line + (f" {_floor(part):>12}" if floors else "")
    if len(parts) > SHOWN:
        yield f"and {len(parts) - SHOWN} more, which cost less: --json has them."


def _floor(part: Part) -> str:
    known = noise_of([part.result])
    return "-" if known is None else significant(known)


def _cost(part: Part) -> float:
    cost = part.get("delta_nll")
    return 0.0 if cost is None else cost.value


def _pair(part: Part, metric: str) -> tuple[float, float | None]:
    found = part.get(metric)
    return (0.0, None) if found is None else (found.value, found.stderr)
