"""Plans: which layers to prune within a budget, chosen by what is measured, and as a scope."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any, Literal, get_args

from nmviz.base.errors import Cancelled, UserError, check_of
from nmviz.base.validation import one_of
from nmviz.core.attribution.parts import Part
from nmviz.core.experiment import Experiment
from nmviz.core.plans.choosing import amber, by_cost, check_budget, cut, planned, share
from nmviz.core.plans.plan import Layer, Plan, entries_of, is_plan, read_plan
from nmviz.core.results import Progress, Result
from nmviz.core.running import Running
from nmviz.service.attribution import experiments_of, in_groups
from nmviz.service.choices import canonical
from nmviz.service.runs import load

By = Literal["attribution", "outliers", "amber"]
WAYS: tuple[By, ...] = get_args(By)
ROUNDS = 3
"""So often the costs of what is left are measured on top of what is chosen."""
OUTLIER_WINDOWS = 4
"""Calibration windows on which outliers are counted."""
Steps = Generator[Progress, None, Plan]
Costs = Mapping[str, float]


def check_way(by: str) -> By:
    """UserError for a way to choose layers that there is not."""
    return one_of(by, WAYS, "Layers are chosen by")


def with_plan(settings: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """Settings of an experiment whose pattern may name the file of a plan, by a path from `folder`
    (from here unless said): its pattern and sites.

    UserError where the plan is none, or of another model, or where a scope stands beside it.
    """
    pattern = settings.get("pattern")
    if not isinstance(pattern, str) or not is_plan(pattern):
        return dict(settings)
    if settings.get("projections") is not None or settings.get("blocks") is not None:
        raise UserError("A plan says which layers are pruned: leave --sites and --blocks out.")
    plan = read_plan((folder or Path()) / pattern)
    model = settings.get("model") or Experiment().model
    return {**settings, **fields_of(plan, model)}


def fields_of(plan: Plan, model: str) -> dict[str, Any]:
    """The pattern and the sites of a plan, as fields of an experiment on that model."""
    pattern, entries = plan.scope(layers_of(model))
    return {"pattern": pattern, "projections": entries, "blocks": None}


@cache
def layers_of(model: str) -> tuple[Layer, ...]:
    """The layers of a model in its order; loads it. UserError for a mixture, whose experts a plan
    cannot tell apart."""
    from nmviz.engine.load.sites import find_sites

    sites = find_sites(load(model).model)
    if any(site.is_expert for site in sites):
        raise UserError("Plans are for models without experts: choose projections with --sites.")
    return tuple(
        Layer(site.name, site.block, site.projection, site.d_in * site.d_out)
        for site in sites
        if not site.is_router
    )


def make_plan(
    experiment: Experiment,
    budget: float,
    by: By,
    *,
    rounds: int = ROUNDS,
    cancel: Event | None = None,
) -> Steps:
    """The layers to prune as the experiment says, up to the share `budget` of the multiply-adds of
    the blocks' layers. Yields its progress; Cancelled where `cancel` is set.

    `attribution`: what costs least for each multiply-add, by KL divergence from the dense model on
    the experiment's text, which is known far better than the difference of NLL from as many tokens
    and ranks layers alike. Since single costs mislead, what is left is measured again on top of
    what is chosen, `rounds` times in all, and the better of the first and the last choice, measured
    as a whole, is taken. `outliers`: fewest outliers in the inputs first. `amber`: Amber-Pruner's.
    """
    check_budget(budget)
    whole = canonical(experiment.but(projections=None, blocks=None))
    layers = layers_of(whole.model)
    fitting = [one for one in layers if _fits(whole, one)]
    yield Progress("loading the model")
    if by == "attribution":
        chosen = yield from _by_attribution(whole, fitting, layers, budget, rounds, cancel)
    elif by == "outliers":
        shares = _outliers(whole, cancel)
        fewest = sorted(fitting, key=lambda layer: shares.get(layer.name, 1.0))
        chosen = cut(fewest, layers, budget)
    else:
        chosen = cut(amber(fitting), layers, budget)
    taken = set(chosen)
    kept = [one for one in layers if one in taken]
    about = f"{len(kept)} of {len(layers)} layers, {share(kept, layers):.4f} of the multiply-adds"
    yield Progress("done", share=1.0)
    return planned(kept, whole.pattern, [about])


def experiment_of(experiment: Experiment, chosen: Sequence[Layer]) -> Experiment:
    """The experiment on these layers alone."""
    return canonical(experiment.but(projections=entries_of(chosen), blocks=None))


def _fits(experiment: Experiment, layer: Layer) -> bool:
    """Whether the pattern divides its inputs."""
    try:
        experiment_of(experiment, [layer])
    except UserError:
        return False
    return True


def _outliers(experiment: Experiment, cancel: Event | None) -> Costs:
    from nmviz.engine.look.outliers import outlier_shares

    check = check_of(cancel or Event())
    return outlier_shares(load(experiment.model), OUTLIER_WINDOWS, experiment.seed or 0, check)


def _by_attribution(
    experiment: Experiment,
    fitting: Sequence[Layer],
    layers: Sequence[Layer],
    budget: float,
    rounds: int,
    cancel: Event | None,
) -> Generator[Progress, None, list[Layer]]:
    singles = yield from _measured(experiments_of(experiment, "site")[1:], True, cancel)
    costs = {part.site: _kl(part.result) for part in map(Part, singles)}
    first = by_cost(costs, fitting)
    order, settled = first, list[Layer]()
    for number in range(1, rounds):
        settled = cut(order, layers, budget * number / rounds)
        left = [layer for layer in first if layer not in settled]
        tried = [experiment_of(experiment, [*settled, layer]) for layer in left]
        [base] = yield from _measured([experiment_of(experiment, settled)], False, cancel)
        found = yield from _measured(tried, False, cancel)
        more = {
            layer.name: _kl(result) - _kl(base) for layer, result in zip(left, found, strict=True)
        }
        order = [*settled, *by_cost(more, left)]
    chosen = {tuple(cut(one, layers, budget)): None for one in (first, order)}
    tried = [experiment_of(experiment, one) for one in chosen]
    found = yield from _measured(tried, True, cancel)
    best = min(zip(chosen, found, strict=True), key=lambda pair: _kl(pair[1]))
    return list(best[0])


def _measured(
    experiments: Sequence[Experiment], keep: bool, cancel: Event | None
) -> Generator[Progress, None, list[Result]]:
    how = Running(partial_results=False, exact_errors=False, keep=keep)
    results: tuple[Result, ...] = ()
    for step in in_groups(experiments, how=how, cancel=cancel):
        if step.stage == "cancelled":
            raise Cancelled
        yield replace(step, stage=f"{step.stage}, {len(experiments)} runs")
        results = step.results
    return list(results)


def _kl(result: Result) -> float:
    found = result.get("kl")
    if found is None:
        raise UserError("Nothing was measured of a layer: ask for more tokens.")
    return found.value
