"""From an experiment that leaves blocks out to the blocks: named, the last, or measured to be."""

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from nmviz.base.cache import cache_dir, disk_errors, make_folder
from nmviz.base.stepping import each
from nmviz.base.whole_files import replace_with
from nmviz.core import depth
from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate.blockwise import Check
from nmviz.engine.calibrate.calibration import Bound, Stage, Steps, calibration_windows
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.coverage import coverage
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.measure.dense import text_key
from nmviz.engine.measure.evaluate import Batch, Comparison, at_once, compare_windows
from nmviz.engine.measure.statistics import PairedTokens
from nmviz.engine.prune.depth import WithoutBlocks
from nmviz.sources import corpora

FORMAT = 1  # raise it when the costs come to mean something else
KEPT = "its block is kept"
FIGURES = {"delta_nll": PairedTokens.cost, "kl": PairedTokens.divergence}
"""What removals are ranked by."""
Costs = Generator[Stage, None, Mapping[int, float]]


def prepare(loaded: LoadedModel, experiment: Experiment, check: Check) -> Steps:
    """The model without the blocks that are asked for, as `calibration.prepare` gives pruned ones.

    UserError where it has fewer blocks.
    """
    count, drop = len(find_blocks(loaded.model)[1]), experiment.drop or 0
    depth.check(drop, count)
    alone: Mapping[int, float] = {}
    in_turn: Mapping[int, float] = {}
    if experiment.by == depth.BY_COST:
        alone = yield from removal_costs(loaded, experiment, check)
        chosen = depth.cheapest([*alone.values()], drop)
    elif experiment.by == depth.BY_ATTRIBUTION:
        in_turn = yield from one_after_the_other(loaded, experiment, check)
        chosen = sorted(in_turn)
    else:
        named = depth.named_blocks(experiment.by)
        chosen = depth.last_blocks(drop, count) if named is None else named
    sites = [site for site in find_sites(loaded.model) if site.block in chosen]
    covered = coverage(loaded.model, sites, _kept)
    return Bound(WithoutBlocks(experiment, chosen, [*alone.values()], in_turn), {}, covered)


def _kept(site: Site) -> str:
    return KEPT


def one_after_the_other(loaded: LoadedModel, experiment: Experiment, check: Check) -> Costs:
    """The blocks that are left out, in their order, each with the KL from dense once it is: of all
    that are left that which moves the predictions least on top of those before, measured anew for
    every one, as single removals mislead. On calibration windows, so that the choice is not made
    on what is measured; by KL, which is known better than the cost from as many tokens."""
    chosen: dict[int, float] = {}
    turns = experiment.drop or 0
    for turn in range(turns):
        steps = removal_costs(loaded, experiment, check, tuple(chosen), "kl")
        found = yield from each(steps, partial(_of_turn, turn, turns))
        best = min(found, key=lambda number: (found[number], number))
        chosen[best] = found[best]
    return chosen


def _of_turn(turn: int, turns: int, stage: Stage) -> Stage:
    """A step of one of so many turns, as a share of all."""
    return replace(stage, share=(turn + stage.share) / turns)


def removal_costs(
    loaded: LoadedModel,
    experiment: Experiment,
    check: Check,
    before: Sequence[int] = (),
    metric: str = "delta_nll",
) -> Costs:
    """What leaving out each block costs on the experiment's calibration windows, those of `before`
    being left out: the mean difference in NLL from dense, or KL, in nats a token, by block. Read
    from disk where it is kept."""
    count = len(find_blocks(loaded.model)[1])
    left = [number for number in range(count) if number not in before]
    path = _path(loaded, experiment, before, metric)
    if path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        return {number: float(cost) for number, cost in zip(left, known, strict=True)}
    windows = calibration_windows(loaded, *experiment.drawn)
    without = [WithoutBlocks(experiment, sorted([*before, number])) for number in left]
    tried = [Comparison(one, watched=False) for one in without]
    passes, done = len(windows) * (1 + len(left)), 0
    for ids in at_once(windows):
        batch = Batch(text_key(windows), ids, [0] * len(ids), kept=False)
        for _ in compare_windows(loaded, batch, tried, check):
            done += len(ids)
            yield Stage("leaving out one block at a time", done / passes)
    costs = [FIGURES[metric](one.tokens).value for one in tried]
    make_folder(path.parent)
    with disk_errors(path.parent):
        replace_with(path, json.dumps(costs).encode())
    return dict(zip(left, costs, strict=True))


def _path(loaded: LoadedModel, experiment: Experiment, before: Sequence[int], metric: str) -> Path:
    depends = {
        "format": FORMAT,
        "model": loaded.sha256,
        "calibration": corpora.identify(corpora.CALIBRATION_CORPUS),
        "drawn": experiment.drawn,
    }
    if before or metric != "delta_nll":  # what was kept before there were these is found again
        depends |= {"before": sorted(before), "metric": metric}
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
    return cache_dir() / "calibrated" / f"{key}.json"
