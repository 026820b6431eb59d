"""The schedule of a sweep: what is done, what is to do together with what, how long it takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import groupby

from nmviz.base.errors import UserError
from nmviz.core import depth, rules
from nmviz.core.experiment import Experiment
from nmviz.core.grids import PRUNED, Grid, LeftOut
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.core.settings import BLOCKS
from nmviz.core.ties import answering
from nmviz.methods import WEIGHT
from nmviz.methods.method import parse_call
from nmviz.methods.own import is_own
from nmviz.service import tasks
from nmviz.service.choices import OWN_TEXT, canonical, refuse_large, resolve
from nmviz.service.estimates import Pass, estimate, passes
from nmviz.service.plans.known_plans import with_plan
from nmviz.service.runs import store
from nmviz.service.stored import best
from nmviz.sources import corpora, models
from nmviz.store import OWN
from nmviz.store.failures import Failure, Failures

QUICK = Running(exact_errors=False, keep_passes=False, partial_results=False)
"""Errors of layers from every token take as long as all the rest, and nobody watches."""
TRIES = 2
"""So often an experiment may fail before a sweep passes it over."""
TOGETHER = {"activation": 24, "blocks": 24, "weight": 12, "changed weight": 4}
"""Experiments that share a dense pass. Of pruned weights the masks are held, and where a criterion
changes what it keeps a copy of the weights, so fewer of them; what is measured together is stored
together, so few enough that a kill loses little. Those that run tasks go one at a time: they share
the dense result in the store, not a pass."""

Group = tuple[Experiment, ...]


@dataclass(frozen=True)
class Schedule:
    """What a sweep has done and will do. `failed` are passed over; those that failed once are
    tried again, so they stand under `to_do`. `how` is how it is run.
    """

    done: Group
    groups: tuple[Group, ...]
    failed: tuple[tuple[Experiment, Failure], ...]
    left_out: tuple[LeftOut, ...]
    how: Running

    @property
    def to_do(self) -> Group:
        return tuple(experiment for group in self.groups for experiment in group)


@dataclass(frozen=True)
class Estimate:
    """Seconds of the groups of which a run tells, and the number of experiments of the others."""

    seconds: float
    unknown: int


def schedule(grid: Grid, how: Running = QUICK, *, retry_failed: bool = False) -> Schedule:
    """What there is to do of a grid; nothing is loaded or measured. With exact errors also what
    is stored with errors of layers from a sample.

    The dense run that tasks are compared with belongs to it, named in the grid or not. UserError
    when a model, a text or lm-eval cannot be had, or when no combination is an experiment.
    """
    experiments, refused = grid.experiments(partial(with_plan, folder=grid.folder))
    _check_sources(experiments)
    wanted, impossible = _resolved(experiments)
    left_out = (*refused, *impossible)
    if not wanted:
        raise UserError(f"No combination is an experiment, the first because: {left_out[0].reason}")
    there = answered(wanted, how)
    tried = {} if retry_failed else Failures(store()).read()
    given_up = {key: failure for key, failure in tried.items() if failure.tries >= TRIES}
    missing = [one for one in wanted if one not in there]
    return Schedule(
        done=tuple(there),
        groups=tuple(_groups([one for one in missing if one.key not in given_up])),
        failed=tuple((one, given_up[one.key]) for one in missing if one.key in given_up),
        left_out=left_out,
        how=how,
    )


def answered(experiments: Sequence[Experiment], how: Running) -> dict[Experiment, Result]:
    """The stored results, without sites, of those that need not be measured again."""
    keys = [one.key for experiment in experiments for one in experiment.answers]
    found = store().find(sites=False, key=keys, source=OWN)
    there = {result.key: result for result in found if _serves(result, how)}
    results = {one: _known(one, there) or best(one, store()) for one in experiments}
    return {one: result for one, result in results.items() if result and _serves(result, how)}


def _known(experiment: Experiment, there: Mapping[str, Result]) -> Result | None:
    return answering(there.get(one.key) for one in experiment.answers)


def _serves(result: Result, how: Running) -> bool:
    """Whether it need not be measured again."""
    if result.sampled and how.exact_errors:
        return False
    return not how.noise_floor or result.floor_of("pruned") is not None


def estimate_groups(groups: Sequence[Group], how: Running) -> Estimate:
    """How long these groups take here, from what the store has by now."""
    names = {group[0].model for group in groups}
    made = {name: passes(store().find(sites=False, model=name, source=OWN)) for name in names}
    told = [(group, _seconds(group, made[group[0].model], how)) for group in groups]
    return Estimate(
        seconds=sum(seconds or 0.0 for _, seconds in told),
        unknown=sum(len(group) for group, seconds in told if seconds is None),
    )


def _seconds(group: Group, made: Sequence[Pass], how: Running) -> float | None:
    return tasks.estimate(group, store()) if group[0].tasks else estimate(group, made, how)


def stored_results(schedule: Schedule) -> list[Result]:
    """The newest result of every experiment that is done, by key, whenever it was made."""
    found = (best(one, store()) for one in schedule.done)
    return sorted((result for result in found if result), key=lambda result: result.key)


def _check_sources(experiments: Sequence[Experiment]) -> None:
    """What is missing for a whole model or text is told at once, not for every experiment."""
    for name in {experiment.model: None for experiment in experiments}:
        refuse_large(name)
        models.describe(name)
    for corpus in {experiment.corpus: None for experiment in experiments}:
        if corpus == OWN_TEXT:
            raise UserError("A grid has no text of its own: name a corpus.")
        if corpus is not None:
            corpora.read(corpus)
    if any(experiment.tasks for experiment in experiments):
        tasks.check_installed()
    if any(is_own(experiment.target, experiment.criterion) for experiment in experiments):
        raise UserError("A criterion of your own is not stored, as a sweep does: run it.")


def _resolved(experiments: Sequence[Experiment]) -> tuple[list[Experiment], list[LeftOut]]:
    """The experiments with their keys, each once, and those that do not fit their model."""
    found: dict[Experiment, None] = {}
    left_out: list[LeftOut] = []
    for experiment in experiments:
        try:
            canonical(experiment)
        except UserError as reason:
            left_out.append(LeftOut(in_words(experiment), str(reason)))
            continue
        resolved = resolve(experiment)
        for one in (tasks.dense_of(resolved), resolved) if resolved.tasks else (resolved,):
            found[one] = None
    return list(found), left_out


def in_words(experiment: Experiment) -> str:
    """What is pruned, how, and the tasks: `smollm2-135m activation 8:16 clact + var, 4 tasks`."""
    count = len(experiment.tasks)
    run = f", {experiment.tasks[0] if count == 1 else f'{count} tasks'}" if count else ""
    return f"{experiment.model} {pruned_in_words(experiment)}{run}"


def pruned_in_words(experiment: Experiment) -> str:
    """What is pruned and how: `activation 8:16 clact + var`."""
    if experiment.target == BLOCKS:
        return depth.in_words(experiment.drop, experiment.by)
    methods = " + ".join((experiment.rule, *experiment.mitigations))
    if experiment.lists_sites:
        return f"{experiment.target} {experiment.pattern} {methods} {experiment.sites}"
    scope = [",".join(experiment.projections)] if experiment.projections else []
    scope += [f"blocks {experiment.blocks}"] if experiment.blocks else []
    scope += rules.in_words(experiment.ties, experiment.dropping)
    return " ".join((experiment.target, experiment.pattern, methods, *scope))


def _groups(experiments: Sequence[Experiment]) -> Iterator[Group]:
    """Those that can share a dense pass, a few at a time; equal methods side by side.

    What needs no calibration comes first, so that a kill early in a sweep loses little, and before
    everything the dense runs that tasks are compared with.
    """
    first: dict[str, int] = {}
    for experiment in experiments:
        first.setdefault(_shared(experiment), len(first))
    ordered = sorted(
        experiments, key=lambda one: (not _compared_with(one), first[_shared(one)], *_methods(one))
    )
    for _, alike in groupby(ordered, _shared):
        group: Group = ()
        for experiment in alike:
            if sum(map(_part_of_group, (*group, experiment))) > 1:
                yield group
                group = ()
            group = (*group, experiment)
        yield group


def _part_of_group(experiment: Experiment) -> Fraction:
    """Of a group that is measured together, how much one takes."""
    if experiment.tasks:
        return Fraction(1)
    kind: str = experiment.target
    if kind == "weight" and parse_call(experiment.criterion, WEIGHT).method.facts.gives == "weight":
        kind = "changed weight"
    return Fraction(1, TOGETHER[kind])


def _compared_with(experiment: Experiment) -> bool:
    return bool(experiment.tasks) and experiment.is_dense


def _shared(experiment: Experiment) -> str:
    """What experiments that are measured together have in common."""
    text = experiment.model_dump_json(exclude=set(PRUNED))
    return f"{experiment.target} {text}"


def _methods(experiment: Experiment) -> tuple[bool, str, str]:
    calibrated = bool(experiment.calibration_windows)
    return calibrated, experiment.criterion, ",".join(experiment.mitigations)
