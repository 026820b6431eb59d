"""How long the parts of a run by block take, with everything in memory."""

import time
from collections.abc import Iterator, Sequence

from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress
from nmviz.core.running import Running
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.stream.whole import RunByBlock, Whole


class _Timed(RunByBlock):
    """Adds up what its blocks take, calibrated and run, and all."""

    of_blocks = 0.0

    def _bind(self) -> Iterator[Progress]:
        yield from self._timed(super()._bind())

    def _run_block(self, number: int, stage: str) -> Iterator[Progress]:
        yield from self._timed(super()._run_block(number, stage))

    def _timed(self, steps: Iterator[Progress]) -> Iterator[Progress]:
        began = time.perf_counter()
        yield from steps
        self.of_blocks += time.perf_counter() - began


def seconds_of_blocks(
    loaded: LoadedModel, experiments: Sequence[Experiment], text: str, how: Running, blocks: int
) -> float:
    """What a run takes without reading a weight, if the model had so many `blocks` like those that
    it has."""
    run = _Timed(loaded, Whole(loaded), experiments, text, None, how, goes_on=False)
    began = time.perf_counter()
    for _ in run:
        pass
    ends = time.perf_counter() - began - run.of_blocks
    return ends + run.of_blocks * blocks / len(run._parts.paths)
