"""A model pruned for good whose weights do not fit into memory: each block is pruned and written
while it is held."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate.blockwise import Check
from nmviz.engine.calibrate.calibration import Bound, Stage
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.sparsify import Pruned
from nmviz.engine.prune.weights import PrunedWeights, is_drawn
from nmviz.engine.stream.calibrating import ready, settle_ties
from nmviz.engine.stream.parts import Parts

AT_RANDOM = (
    "Ties of this model are broken at random, and what that costs is told from the whole of it, "
    "which does not fit into memory: break them by --ties index, or give it more memory."
)


def prepare(
    loaded: LoadedModel, parts: Parts, experiment: Experiment, check: Check
) -> Generator[Stage, None, Bound]:
    """As `calibration.prepare`, but weights are pruned while they are `held`: of activations all is
    known at the end. UserError where the cost of the files could not be told."""
    bound = yield from ready(loaded, parts, experiment, check)
    pruned = bound.pruned
    yield from settle_ties(parts, [pruned], check)
    if is_drawn(pruned):
        raise UserError(AT_RANDOM)
    if not isinstance(pruned, PrunedWeights):
        for number in range(len(parts.paths)):
            yield Stage("pruning", number / len(parts.paths))
            with parts.block(number):
                _finish(pruned, _of_block(pruned, number), check)
    return bound


def holding(
    parts: Parts, pruned: Pruned, check: Check
) -> Callable[[str], AbstractContextManager[None]]:
    """What holds the block of a path, its sites pruned, or with an empty path both ends of the
    model."""

    @contextmanager
    def held(path: str) -> Iterator[None]:
        with ExitStack() as stack:
            if path not in parts.paths:
                stack.enter_context(parts.entering())
                stack.enter_context(parts.leaving())
                yield
                return
            number = list(parts.paths).index(path)
            stack.enter_context(parts.block(number))
            sites = _of_block(pruned, number)
            _finish(pruned, sites, check)
            yield
            for site in sites:
                pruned.release(site)

    return held


def _of_block(pruned: Pruned, number: int) -> Sequence[Site]:
    return [site for site in pruned.sites if site.block == number]


def _finish(pruned: Pruned, sites: Sequence[Site], check: Check) -> None:
    for site in sites:
        check()
        pruned.finish(site)
