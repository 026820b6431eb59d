"""What each part of a model costs pruned alone: measured, kept as results of their own, and found
again."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Event

from nmviz.base.errors import UserError
from nmviz.core.attribution.parts import Attribution, By, Part, parts_of
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress, Result
from nmviz.core.running import Running
from nmviz.service.choices import canonical, describe
from nmviz.service.runs import lookup, run

TOGETHER = 32
"""So many parts share the passes of the dense model; what they gave is stored before the next."""


def experiments_of(experiment: Experiment, by: By) -> tuple[Experiment, ...]:
    """The experiment itself, then each of its parts alone. A part whose inputs the pattern does not
    divide is left out.

    UserError for an experiment that has no parts: of a dense model, of whole blocks left out, or of
    tasks, whose error is too large for one layer.
    """
    if experiment.is_dense or experiment.drop:
        raise UserError("Layers are pruned one at a time: choose a pattern, for N:M or P%.")
    if experiment.tasks:
        raise UserError("One layer changes too few answers: choose a text, not tasks.")
    whole = canonical(experiment)
    info = describe(whole.model)
    found = [whole]
    for part in parts_of(whole, by, info.projections, info.blocks):
        try:
            found.append(canonical(part))
        except UserError:
            continue
    return tuple(found)


def attribute(
    experiment: Experiment,
    by: By,
    *,
    text: str | None = None,
    how: Running | None = None,
    cancel: Event | None = None,
) -> Iterator[Progress]:
    """Measure the experiment and each part of it alone, with noise of the same size as a control.

    The last Progress has stage "done" and a result of each of `experiments_of`. Every part is
    stored as soon as its group is measured, and found there the next time; when `cancel` is set the
    last one has stage "cancelled".
    """
    how = (how or Running()).model_copy(update={"control": True, "partial_results": False})
    yield from in_groups(experiments_of(experiment, by), text=text, how=how, cancel=cancel)


def in_groups(
    experiments: Sequence[Experiment],
    *,
    how: Running,
    text: str | None = None,
    cancel: Event | None = None,
) -> Iterator[Progress]:
    """`run`, so many at a time that share the dense model's passes. Every step has the results so
    far; the last one is "done" with one of each experiment, or "cancelled"."""
    results: tuple[Result, ...] = ()
    for low in range(0, len(experiments), TOGETHER):
        group = experiments[low : low + TOGETHER]
        last = low + len(group) == len(experiments)
        for step in run(group, text=text, how=how, cancel=cancel):
            share = (low + step.part * len(group)) / len(experiments)
            stage = "measuring" if step.stage == "done" and not last else step.stage
            yield replace(step, stage=stage, share=share, results=results + step.results)
            if step.stage == "cancelled":
                return
        results += step.results


def attributed(by: By, results: Sequence[Result]) -> Attribution:
    """The results of `attribute`, in its order, as one thing."""
    whole, *parts = results
    return Attribution(by, whole, tuple(Part(one) for one in parts if one.sites))


def known(experiment: Experiment, by: By, text: str | None = None) -> Attribution | None:
    """What the store has of it, or None where a part is missing."""
    found: list[Result] = []
    for one in experiments_of(experiment, by):
        result = lookup(one, text)
        if result is None:
            return None
        found.append(result)
    return attributed(by, found) if len(found) > 1 else None
