"""Results pinned by their short names, for a tray of two to six."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.comparing.pins import BETWEEN, DENSE, place_of
from nmviz.core.results import Measurement, Result
from nmviz.service.runs import store
from nmviz.store import OWN

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
    """The first six results of those names, each once, without what is long (sites, drift, words
    that changed): a tray is asked for often. Of tasks they are whole."""
    keys: dict[str, str] = {}
    dropped: list[str] = []
    for name in dict.fromkeys(names):
        try:
            keys[name] = _key_of(name)
        except UserError as error:
            dropped.append(str(error))
    stored: dict[str, list[Result]] = {}
    for result in store().find(sites=False, key=[*keys.values()]) if keys else ():
        stored.setdefault(result.key, []).append(result)
    there: list[Pinned] = []
    for name, key in keys.items():
        try:
            one = Pinned(name, _chosen(name, stored[key]))
        except UserError as error:
            dropped.append(str(error))
            continue
        there.append(Pinned(name, whole(one)) if one.result.experiment.tasks else one)
    if len(there) > MOST:
        dropped.append(f"The tray holds {MOST}: what was pinned behind them is left out.")
    return Found(tuple(there[:MOST]), tuple(dropped))


def whole(one: Pinned) -> Result:
    """All that is stored of it."""
    return _chosen(one.name, store().find(key=_key_of(one.name)))


def _key_of(name: str) -> str:
    """The whole key of a name. UserError where nothing is stored that begins so."""
    if not PIN.fullmatch(name):
        raise UserError(f"{name[:LONGEST_SHOWN]!r} is no name of something pinned: left out.")
    keys = store().keys_beginning(name.partition(BETWEEN)[0])
    if len(keys) != 1:
        raise UserError(f"No stored result is pinned as {name}: left out.")
    return keys[0]


def _chosen(name: str, stored: Sequence[Result]) -> Result:
    """Of the results of an experiment, oldest first, the one of that name."""
    _, _, place = name.partition(BETWEEN)
    if place and place != DENSE:
        stored = [one for one in stored if place_of(one) == place]
    else:
        stored = [one for one in stored if one.provenance.source == OWN] or stored
    if not stored:
        raise UserError(f"No stored result is pinned as {name}: left out.")
    return dense_beside(stored[-1]) if place == DENSE else stored[-1]


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
