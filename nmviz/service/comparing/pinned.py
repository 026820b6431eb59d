"""Results pinned by their short names, for a tray of two to six."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.comparing.pins import BETWEEN, DENSE, place_of
from nmviz.core.results import Measurement, Result
from nmviz.service.comparing.two_results import found
from nmviz.service.runs import store

MOST = 6
PIN = re.compile(rf"[0-9a-f]{{8,64}}({BETWEEN}([0-9a-f]{{6}}|{DENSE}))?")
LONGEST_SHOWN = 40


@dataclass(frozen=True)
class Pinned:
    """A result and the name it was asked for by."""

    name: str
    result: Result


@dataclass(frozen=True)
class Found:
    """What there is of the names asked for, in order, and a sentence on each of the others."""

    pinned: tuple[Pinned, ...]
    dropped: tuple[str, ...] = ()


def pinned(names: Sequence[str]) -> Found:
    """The first six results of those names, each once."""
    there: list[Pinned] = []
    dropped: list[str] = []
    for name in dict.fromkeys(names):
        try:
            result = result_of(name)
        except UserError as error:
            dropped.append(str(error))
            continue
        if len(there) == MOST:
            dropped.append(f"The tray holds {MOST}: what was pinned behind them is left out.")
            break
        there.append(Pinned(name, result))
    return Found(tuple(there), tuple(dropped))


def result_of(name: str) -> Result:
    """The result of a name of `pin_of` or `dense_pin_of`. UserError where there is none."""
    if not PIN.fullmatch(name):
        raise UserError(f"{name[:LONGEST_SHOWN]!r} is no name of something pinned: left out.")
    key, _, place = name.partition(BETWEEN)
    if not place:
        return found(key)
    return dense_beside(found(key)) if place == DENSE else _printed(key, place)


def dense_beside(run: Result) -> Result:
    """The dense model as a result of its own, on the windows of a run of a text. It costs nothing
    and agrees with itself, by definition. UserError where it was not read there."""
    level, cost = run.get("dense_perplexity"), run.get("delta_nll")
    if level is None or cost is None:
        raise UserError("The dense model was not read beside that result: pin another.")
    counted: dict[str, Any] = {"stderr": 0.0, "n": cost.n, "unit_of_n": cost.unit_of_n}
    same = {"delta_nll": 0.0, "kl": 0.0, "top1_agreement": 1.0}
    fields = {"target": "activation", "pattern": "dense", "plan": None, "drop": None, "by": None}
    return Result(
        experiment=run.experiment.but(**fields),
        measurements=(
            level.model_copy(update={"metric": "perplexity"}),
            *(Measurement(metric=name, value=value, **counted) for name, value in same.items()),
        ),
        unit_costs=(0.0,) * len(run.unit_costs),
        noise_floors=tuple(one for one in run.noise_floors if one.of == "dense"),
        provenance=run.provenance,
    )


def _printed(key: str, place: str) -> Result:
    for whole in store().keys_beginning(key):
        for result in store().history(whole):
            if place_of(result) == place:
                return result
    raise UserError(f"Nothing published or imported is stored as {key}{BETWEEN}{place}: left out.")
