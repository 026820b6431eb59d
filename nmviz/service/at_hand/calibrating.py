"""Calibrating without measuring, with the model whole or a block at a time."""

from collections.abc import Generator, Iterator, Sequence
from threading import Event
from typing import TYPE_CHECKING

from nmviz.base.errors import Cancelled, check_of
from nmviz.base.stepping import each
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress
from nmviz.core.running import Running
from nmviz.service.at_hand.models import load, opened, room_of
from nmviz.service.at_hand.turns import measuring
from nmviz.service.choices import canonical
from nmviz.sources.opening import opening

if TYPE_CHECKING:
    from nmviz.engine.calibrate.calibration import Bound, Stage


def calibrate(experiment: Experiment, cancel: Event | None = None) -> Iterator[Progress]:
    """Work out and keep what an experiment's methods need of calibration text; nothing is measured.

    The last Progress has stage "done" and the figures of calibration, such as the error on held-out
    text before and after training. When `cancel` is set it has stage "cancelled" and nothing is
    left behind.
    """
    yield Progress(opening(experiment.model))
    try:
        bound = yield from _calibrated(canonical(experiment), cancel or Event())
        yield Progress("done", share=1.0, figures=bound.figures)
    except Cancelled:
        yield Progress("cancelled")


def uncalibrated(experiments: Sequence[Experiment]) -> tuple[Experiment, ...]:
    """Those whose methods would first have to be calibrated, because nothing is kept of it here."""
    from nmviz.engine.calibrate.calibration import is_ready

    loaded = opened(experiments[0].model)
    return tuple(one for one in map(canonical, experiments) if not is_ready(loaded, one))


def _calibrated(experiment: Experiment, cancel: Event) -> Generator[Progress, None, "Bound"]:
    from nmviz.engine.calibrate.calibration import prepare
    from nmviz.engine.stream.calibrating import ready

    check, room = check_of(cancel), room_of([experiment], Running())
    if room is None or room.parts is None:
        return (yield from each(prepare(load(experiment.model), experiment, check), told))
    loaded, parts = opened(experiment.model), room.parts

    def steps() -> Generator[Progress, None, "Bound"]:
        room.make()
        return (yield from each(ready(loaded, parts, experiment, check), told))

    return (yield from measuring(steps, cancel))


def told(stage: "Stage") -> Progress:
    """A stage of preparing, for whoever watches."""
    return Progress(stage.words, share=stage.share)
