"""Plans: which layers to prune within a budget, chosen by what is measured, and as a scope."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import Literal, get_args

from nmviz.base.errors import Cancelled, UserError, check_of
from nmviz.base.stepping import each
from nmviz.base.validation import one_of
from nmviz.core.attribution.parts import Part
from nmviz.core.experiment import Experiment
from nmviz.core.plans.choosing import amber, by_cost, check_budget, cut, planned, share
from nmviz.core.plans.plan import Layer, Plan, sites_of
from nmviz.core.results import Progress, Result
from nmviz.core.running import Running
from nmviz.service.at_hand.models import load
from nmviz.service.attribution import experiments_of, in_groups
from nmviz.service.choices import canonical
from nmviz.service.plans.known_plans import layers_of
from nmviz.sources.opening import opening

By = Literal["attribution", "outliers", "amber", "teal"]
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
    `teal`: TEAL's levels, for P% alone: every layer may have its own, and on average over the
    multiply-adds of a block the share `budget` of P is dropped.
    """
    check_budget(budget)
    whole = canonical(experiment.but(projections=None, blocks=None))
    layers = layers_of(whole.model)
    fitting = [one for one in layers if _fits(whole, one)]
    yield Progress(opening(whole.model))
    if by == "teal":
        return (yield from _by_levels(whole, layers, budget, cancel))
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


def _by_levels(
    experiment: Experiment, layers: Sequence[Layer], budget: float, cancel: Event | None
) -> Steps:
    from nmviz.engine.look.levels import levels

    percent = experiment.mask.percent
    if percent is None:
        raise UserError("TEAL's levels are shares of a layer: choose a pattern such as 50%.")
    mean, check = budget * float(percent) / 100, check_of(cancel or Event())
    steps = levels(load(experiment.model), experiment, mean, check)
    found = yield from each(steps, lambda share: Progress("choosing levels", share=share))
    sizes = {one.name: one.multiply_adds for one in layers}
    dropped = sum(found[name] / 100 * sizes[name] for name in found) / sum(sizes.values())
    named = {one.name: f"{found[one.name]}%" for one in layers if one.name in found}
    yield Progress("done", share=1.0)
    about = f"{len(named)} of {len(layers)} layers, {dropped:.4f} of the multiply-adds dropped"
    return Plan(named, about=[about])


def experiment_of(experiment: Experiment, chosen: Sequence[Layer]) -> Experiment:
    """The experiment on these layers alone."""
    return canonical(experiment.but(projections=sites_of(chosen).entries, blocks=None))


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
