"""What experiments need before a streamed run: states of calibration text, and how ties break."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from torch import Tensor

from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate.blockwise import Check, Walk
from nmviz.engine.calibrate.calibration import DRAWING, Bound, Stage, made_ready, make
from nmviz.engine.load.blocks import find_blocks, standing_in
from nmviz.engine.load.coverage import of_experiment
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.scope import choose
from nmviz.engine.load.sites import find_sites
from nmviz.engine.prune.sparsify import Pruned
from nmviz.engine.prune.weights import PrunedWeights
from nmviz.engine.stream.parts import InParts


class StreamedWalk(Walk):
    """A walk in which a block has its weights while it is held, and no longer."""

    def __init__(self, parts: InParts, loaded: LoadedModel, windows: Tensor, check: Check) -> None:
        self._parts = parts
        passing = dict.fromkeys(find_blocks(loaded.model)[1], _pass_on)
        head = {loaded.model.get_output_embeddings(): _pass_on}
        with parts.entering(), standing_in({**passing, **head}):
            super().__init__(loaded, windows, check)

    def held(self, block: int) -> AbstractContextManager[None]:
        return self._parts.block(block)


def walking(parts: InParts) -> Callable[[LoadedModel, Tensor, Check], Walk]:
    """What makes such a walk of a model's windows."""
    return partial(StreamedWalk, parts)


def ready(
    loaded: LoadedModel, parts: InParts, experiment: Experiment, check: Check
) -> Generator[Stage, None, Bound]:
    """The experiment on its sites with what is calibrated: nothing is pruned, no tie settled."""
    pruned = make(experiment, choose(find_sites(loaded.model), experiment), True)
    figures, given = yield from made_ready(loaded, pruned, check, walking(parts))
    return Bound(pruned, figures, of_experiment(loaded.model, experiment, pruned.sites), given)


def settle_ties(
    parts: InParts, bound: Sequence[Pruned], check: Check
) -> Generator[Stage, None, None]:
    """Choose for each of the experiments how ties are broken; those that leave it to the weights
    have theirs counted first, each block read once for all of them."""
    weights = [one for one in bound if isinstance(one, PrunedWeights)]
    counted = [one for one in weights if one.experiment.ties == "auto" and not one.has_all_ties]
    for block in range(len(parts.paths)) if counted else ():
        yield Stage(DRAWING, block / len(parts.paths))
        with parts.block(block):
            for pruned in counted:
                for site in pruned.sites:
                    if site.block == block:
                        check()
                        pruned.finish(site)
                        pruned.release(site)
    for pruned in weights:
        pruned.settle()
        for site in pruned.sites:  # made of the calibration's ties, which are not these
            pruned.release(site)


def _pass_on(hidden: Tensor, *_args: Any, **_named: Any) -> Tensor:
    return hidden
