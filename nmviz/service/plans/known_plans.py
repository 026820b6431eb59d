"""Plans that experiments name: read from a file, or found again by their name."""

from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from nmviz.base.errors import SettingError, UserError
from nmviz.core.experiment import Experiment
from nmviz.core.plans.plan import Layer, Plan, is_plan, parse_plan, plan_of, read_plan
from nmviz.methods.pattern_lists import Patterns
from nmviz.methods.patterns import PLAN, parse_pattern
from nmviz.service.at_hand.models import opened
from nmviz.service.choices import canonical
from nmviz.service.runs import store

MOST_KNOWN = 1000
"""Lists that are kept in mind until there is a result of them."""

_known: OrderedDict[str, tuple[str, ...]] = OrderedDict()
_lock = Lock()


def with_plan(settings: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """Settings of an experiment whose pattern may be the file of a plan, by a path from `folder`
    (from here unless said), or the name of a plan that is known: with what the plan says.

    UserError where the plan is none, not known, or of another model, or where a scope stands beside
    it.
    """
    pattern = settings.get("pattern")
    if not isinstance(pattern, str):
        return dict(settings)
    if pattern.strip().lower().startswith(PLAN):
        return {**settings, "plan": settings.get("plan") or found(pattern)}
    if not is_plan(pattern):
        return dict(settings)
    if settings.get("projections") is not None or settings.get("blocks") is not None:
        raise UserError("A plan says which layers are pruned: leave --sites and --blocks out.")
    plan = read_plan((folder or Path()) / pattern)
    return {**settings, **fields_of(plan, settings.get("model") or Experiment().model)}


def read(text: str, model: str) -> dict[str, Any]:
    """What the text of a plan says of an experiment on that model, as its fields. UserError when it
    is no plan, or of another model."""
    return fields_of(parse_plan(text, "The plan"), model)


def fields_of(plan: Plan, model: str) -> dict[str, Any]:
    """The patterns and the sites of a plan, as fields of an experiment on that model."""
    return named(plan.among(layers_of(model)), model)


def named(patterns: Patterns, model: str) -> dict[str, Any]:
    """A list of patterns as fields of an experiment on that model, and kept in mind by its name."""
    asked = Experiment.build(model=model, pattern=patterns.name, plan=patterns.entries)
    made = canonical(asked)
    if made.plan is not None:
        remember(made.pattern, made.plan)
    return made.model_dump(include={"pattern", "plan", "projections", "blocks"})


def remember(name: str, entries: tuple[str, ...]) -> None:
    """Keep a list in mind by its name; the one that was asked for longest ago is forgotten."""
    with _lock:
        _known[name] = entries
        _known.move_to_end(name)
        if len(_known) > MOST_KNOWN:
            _known.popitem(last=False)


def found(name: str) -> tuple[str, ...]:
    """The list of that name: one that was made here, or of a stored result. UserError where there
    is none."""
    called = str(parse_pattern(name))
    with _lock:
        entries = _known.get(called)
    if entries is None:
        stored = next(iter(store().find(sites=False, pattern=called)), None)
        entries = None if stored is None else stored.experiment.plan
    if entries is None:
        said = f"No plan is known here as {called}: give its file, or a link that has it."
        raise SettingError(said, "pattern")
    remember(called, entries)
    return entries


def is_stored(name: str) -> bool:
    """Whether there is a result of the list, so that its name says it all."""
    return bool(store().find(sites=False, pattern=name))


def as_plan(experiment: Experiment) -> Plan:
    """What an experiment prunes, as a plan by the names of its model's layers."""
    layers = layers_of(experiment.model)
    scope = Patterns({experiment.pattern: experiment.sites})
    return plan_of(experiment.by_layer or scope, layers)


@cache
def layers_of(model: str) -> tuple[Layer, ...]:
    """The layers of a model in its order; opens it. UserError for a mixture, whose experts a plan
    cannot tell apart."""
    from nmviz.engine.load.sites import find_sites

    sites = find_sites(opened(model).model)
    if any(site.is_expert for site in sites):
        raise UserError("Plans are for models without experts: choose projections with --sites.")
    return tuple(
        Layer(site.name, site.block, site.projection, site.d_in * site.d_out)
        for site in sites
        if not site.is_router
    )
