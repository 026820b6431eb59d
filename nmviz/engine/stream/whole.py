"""Experiments on the weights of a model that is in memory whole, measured block by block: each
mask is then laid over its weight once, and not anew for every window."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Event

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress
from nmviz.core.running import Running
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.engine.calibrate.apart import calibrate_apart
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.measure.runner import Run
from nmviz.engine.stream.following import check_follows
from nmviz.engine.stream.run import StreamedRun


class Whole:
    """As `Parts`, of a model that is in memory: every part is there anyway."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.paths, _ = find_blocks(loaded.model)

    def block(self, number: int) -> AbstractContextManager[None]:
        return nullcontext()

    def entering(self) -> AbstractContextManager[None]:
        return nullcontext()

    def leaving(self) -> AbstractContextManager[None]:
        return nullcontext()


class RunByBlock(StreamedRun):
    """Experiments on weights, whose results are asked for at the end alone."""

    is_short = False

    def _bind(self) -> Iterator[Progress]:
        yield from self._staged(calibrate_apart(self.loaded, self.experiments, self._check))
        yield from super()._bind()


def together(
    loaded: LoadedModel,
    experiments: Sequence[Experiment],
    text: str,
    cancel: Event | None,
    how: Running,
    floor: NoiseFloor | None,
) -> Run:
    """The run of experiments on a model in memory: by block where that is faster and gives all that
    is asked, else window by window."""
    if not _is_by_block(loaded, experiments, how):
        return Run(loaded, experiments, text, cancel, how, floor)
    whole = Whole(loaded)
    return RunByBlock(loaded, whole, experiments, text, cancel, how, floor, goes_on=False)


def _is_by_block(loaded: LoadedModel, experiments: Sequence[Experiment], how: Running) -> bool:
    asks_less = not (how.partial_results or how.precision or how.noise_floor)
    if not asks_less or loaded.recipe is not None:
        return False
    return all(one.target == "weight" for one in experiments) and _follows(loaded)


def _follows(loaded: LoadedModel) -> bool:
    try:
        check_follows(loaded.model, loaded.info.id)
    except UserError:
        return False
    return True
