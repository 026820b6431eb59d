"""Experiments that run tasks: the dense model beside every pruned one, compared in pairs."""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

from nmviz.base.errors import UserError
from nmviz.core import pairing, provenance
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress, Result
from nmviz.service.stored import stored
from nmviz.sources.tasks import TASKS
from nmviz.store import OWN, Store

if TYPE_CHECKING:
    from nmviz.engine.load.loading import LoadedModel

PACKAGE = "lm_eval"


def check_installed() -> None:
    """UserError when lm-eval, which runs the tasks, is not there."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise UserError("Tasks need lm-eval, which is not installed: pip install nmviz[eval].")


def dense_of(experiment: Experiment) -> Experiment:
    """The same tasks on the dense model."""
    return experiment.but(pattern="dense")


def with_dense(experiments: Sequence[Experiment], store: Store) -> list[Experiment]:
    """The experiments to run, before them the dense ones they are compared with and that are not
    in the store."""
    dense = dict.fromkeys(map(dense_of, experiments))
    needed = [one for one in dense if one in experiments or stored(one, store) is None]
    return list(dict.fromkeys((*needed, *experiments)))


def same_questions(experiment: Experiment, store: Store) -> tuple[Experiment, ...]:
    """What else was asked the same examples of the same model and pruned, by runs in the store."""
    found = _of_tasks(experiment.model, store)
    asked = {run.key: run.experiment for run in found if not run.experiment.mask.is_dense}
    return tuple(
        one
        for key, one in asked.items()
        if key != experiment.key and dense_of(one) == dense_of(experiment)
    )


def _of_tasks(model: str, store: Store) -> Iterator[Result]:
    """Own runs of tasks on the model, oldest first. They read no corpus, so that what is measured
    on one leaves the answers that rest on them as they are."""
    found = store.find(sites=False, model=model, source=OWN, corpus=None)
    return (run for run in found if run.experiment.tasks)


def live(
    loaded: "LoadedModel",
    experiments: Sequence[Experiment],
    store: Store,
    cancel: Event | None = None,
) -> Iterator[Progress]:
    """Run experiments, dense ones first, and add to every pruned result that is whole how it
    differs from the dense one on the same examples. Dense results are among those yielded.
    """
    from nmviz.engine.tasks.run import TaskRun

    ordered = with_dense(experiments, store)
    whole: dict[str, Result] = {}
    note = None
    for progress in TaskRun(loaded, ordered, estimate(ordered, store), cancel):
        for result in progress.results:
            if not result.partial and result.key not in whole:
                whole[result.key], note = _compared(result, whole, store)
        results = tuple(whole.get(result.key, result) for result in progress.results)
        yield replace(progress, results=results, note=progress.note or note)


def estimate(experiments: Sequence[Experiment], store: Store) -> float | None:
    """Seconds the experiments take here, from the newest runs of their tasks on this machine; None
    where one of the tasks was not run yet."""
    known = _seconds_an_example(experiments[0].model, store)
    wanted = [(name, one.limit) for one in experiments for name in one.tasks]
    if not all(name in known for name, _ in wanted):
        return None
    return sum(known[name] * TASKS.get(name).count(limit) for name, limit in wanted)


def _seconds_an_example(model: str, store: Store) -> Mapping[str, float]:
    here = provenance.machine()
    found: dict[str, float] = {}
    for run in _of_tasks(model, store):
        made = run.provenance
        for name in run.experiment.tasks if here.items() <= made.machine.items() else ():
            number = run.get(TASKS.get(name).metrics[0], name)
            seconds = made.settings.get(f"seconds of {name}")
            if seconds and number and number.n:
                found[name] = float(seconds) / number.n
    return found


def _compared(
    result: Result, whole: Mapping[str, Result], store: Store
) -> tuple[Result, str | None]:
    """The result with its paired figures, and why there are none where they could not be had."""
    asked = dense_of(result.experiment)
    key = asked.key
    dense = whole.get(key) or stored(asked, store)
    if result.key == key or dense is None:
        return result, None
    try:
        figures = pairing.paired(result, dense)
    except UserError as reason:
        return result, f"Not compared with the dense model: {reason}"
    return result.model_copy(update={"measurements": (*result.measurements, *figures)}), None
