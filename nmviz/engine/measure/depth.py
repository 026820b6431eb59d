"""From an experiment that leaves blocks out to the blocks: those named, the last, or by cost."""

import hashlib
import json
from collections.abc import Generator, Sequence
from pathlib import Path

from nmviz.base.cache import cache_dir, disk_errors, make_folder
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
from nmviz.engine.prune.depth import WithoutBlocks
from nmviz.sources import corpora

FORMAT = 1  # raise it when the costs come to mean something else
KEPT = "its block is kept"


def prepare(loaded: LoadedModel, experiment: Experiment, check: Check) -> Steps:
    """The model without the blocks that are asked for, as `calibration.prepare` gives pruned ones.

    UserError where it has fewer blocks.
    """
    count, drop = len(find_blocks(loaded.model)[1]), experiment.drop or 0
    depth.check(drop, count)
    costs: Sequence[float] = ()
    chosen = depth.named_blocks(experiment.by)
    if chosen is None and experiment.by == depth.LAST:
        chosen = depth.last_blocks(drop, count)
    elif chosen is None:
        costs = yield from removal_costs(loaded, experiment, check)
        chosen = depth.cheapest(costs, drop)
    sites = [site for site in find_sites(loaded.model) if site.block in chosen]
    covered = coverage(loaded.model, sites, _kept)
    return Bound(WithoutBlocks(experiment, chosen, costs), {}, covered)


def _kept(site: Site) -> str:
    return KEPT


def removal_costs(
    loaded: LoadedModel, experiment: Experiment, check: Check
) -> Generator[Stage, None, Sequence[float]]:
    """What leaving out each block alone costs on the experiment's calibration windows: the mean
    difference in NLL from dense, in nats a token, by block. Read from disk where it is kept."""
    path = _path(loaded, experiment)
    if path.is_file():
        return [float(cost) for cost in json.loads(path.read_text(encoding="utf-8"))]
    windows = calibration_windows(loaded, *experiment.drawn)
    count = len(find_blocks(loaded.model)[1])
    alone = [Comparison(WithoutBlocks(experiment, [n]), watched=False) for n in range(count)]
    passes, done = len(windows) * (1 + count), 0
    for ids in at_once(windows):
        batch = Batch(text_key(windows), ids, [0] * len(ids), kept=False)
        for _ in compare_windows(loaded, batch, alone, check):
            done += len(ids)
            yield Stage("leaving out one block at a time", done / passes)
    costs = [one.tokens.cost().value for one in alone]
    make_folder(path.parent)
    with disk_errors(path.parent):
        replace_with(path, json.dumps(costs).encode())
    return costs


def _path(loaded: LoadedModel, experiment: Experiment) -> Path:
    depends = {
        "format": FORMAT,
        "model": loaded.sha256,
        "calibration": corpora.identify(corpora.CALIBRATION_CORPUS),
        "drawn": experiment.drawn,
    }
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
    return cache_dir() / "calibrated" / f"{key}.json"
