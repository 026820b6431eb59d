"""Levels of sparsity by layer: in each block, greedily, what changes its output least."""

from collections.abc import Generator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate.blockwise import Check, Walk
from nmviz.engine.calibrate.calibration import calibration_windows, is_calibrated, make
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.sparsify import SiteForward, replaced

STEP = 0.05
"""Of a layer of average size so much more is dropped in one step; of a smaller one more, so that
each step drops as many multiply-adds."""
MOST = 0.95
"""More is dropped of no layer."""
LAST = 0.25
"""The error is that of so much of a window, its end: the first tokens' outputs are so large that
nothing else would count."""
TOKENS = 256
"""Tokens of the one calibration window that is looked at."""

Levels = dict[Site, float]
Steps = Generator[float, None, dict[str, int]]


@torch.no_grad()
def levels(loaded: LoadedModel, experiment: Experiment, mean: float, check: Check) -> Steps:
    """By the name of a layer the percentage to drop, so that every block drops `mean` (0..1) of its
    multiply-adds on average; layers without one stay dense. Yields the share of blocks done.

    TEAL's block-wise greedy search (arXiv 2408.14690, algorithm 1) with the experiment's own way to
    prune: on the dense model's inputs of a block, the layer is pruned further that changes the
    block's output least, until the block has its share. The published code draws thresholds from
    histograms and takes steps of 5% of q's size on ten texts; here it is one window, and levels
    are whole percents.
    """
    _, seed = experiment.drawn
    windows = calibration_windows(loaded, 1, seed)[:, :TOKENS]
    walk = Walk(loaded, windows, check)
    found: dict[str, int] = {}
    for block in range(len(walk.blocks)):
        yield block / len(walk.blocks)
        sites = [site for site in walk.sites(block) if not site.is_router]
        if sites:
            chosen = _of_block(walk, block, sites, experiment, mean)
            percents = {site.name: round(100 * level) for site, level in chosen.items()}
            found |= {name: percent for name, percent in percents.items() if percent}
        walk.advance(block, {})
    return found


def _of_block(
    walk: Walk, block: int, sites: Sequence[Site], experiment: Experiment, mean: float
) -> Levels:
    """The level of each of its layers."""
    inputs, [target] = walk.dense(block)
    own = [site for site in sites if site in inputs]
    whole = sum(site.d_in * site.d_out for site in own)
    steps = {site: STEP * whole / len(own) / (site.d_in * site.d_out) for site in own}
    forwards: dict[tuple[Site, float], SiteForward] = {}

    def error(tried: Mapping[Site, float]) -> float:
        for place in tried.items():
            if place[1] and place not in forwards:
                forwards[place] = _pruned(experiment, *place, inputs[place[0]])
        computing = {site: forwards[site, level] for site, level in tried.items() if level}
        with walk.loaded.lock, replaced(computing):
            return _error(walk.output(block, walk.hidden[0]), target)

    chosen: Levels = dict.fromkeys(own, 0.0)
    dropped = 0.0
    while dropped < mean - STEP / len(own) / 2:
        walk.check()
        further = [{**chosen, site: _level(chosen[site] + steps[site])} for site in own]
        open_ = [one for site, one in zip(own, further, strict=True) if one[site] <= MOST]
        if not open_:
            break
        chosen = min(open_, key=error)
        dropped = sum(level * site.d_in * site.d_out for site, level in chosen.items()) / whole
    return chosen


def _level(share: float) -> float:
    """Whole tenths of a percent: equal levels are one pattern."""
    return round(share, 3)


def _pruned(experiment: Experiment, site: Site, level: float, x: Tensor) -> SiteForward:
    asked = experiment.but(pattern=f"{100 * level:g}%", projections=None, blocks=None)
    pruned = make(asked, [site])
    if is_calibrated(pruned):
        pruned.calibrate(site, x)
    pruned.finish(site)
    return partial(pruned.forward, site)


def _error(output: Tensor, target: Tensor) -> float:
    """The norm over the last tokens of what changed, mean over channels, of [1, tokens, d]."""
    first = int(target.shape[1] * (1 - LAST))
    lost = (output - target)[0, first:]
    return lost.norm(dim=0).mean().item()
