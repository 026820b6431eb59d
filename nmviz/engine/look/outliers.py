"""How many outliers the inputs of each layer have: where masks lose most is told without a run."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from nmviz.engine.calibrate.calibration import calibration_windows
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.measure.dense import logits
from nmviz.engine.prune.sparsify import replaced

TIMES = 5.0
"""An outlier is above so many times the mean (M of OWL, arXiv 2310.05175, which takes 3 to 7)."""


def outlier_shares(
    loaded: LoadedModel, windows: int, seed: int, check: Callable[[], None]
) -> dict[str, float]:
    """By the name of a layer the share of its inputs' entries on calibration text whose size is
    above TIMES the mean size over that layer, 0..1: OWL's outlier ratio, of the inputs alone."""
    above: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def forward(site: Site, x: Tensor) -> Tensor:
        check()
        size = x.abs()
        counts = above[site.name]
        counts[0] += int((size > TIMES * size.mean()).sum())
        counts[1] += size.numel()
        return site.dense(x)

    watching = {site: partial(forward, site) for site in find_sites(loaded.model)}
    for ids in calibration_windows(loaded, windows, seed):
        with loaded.lock, torch.inference_mode(), replaced(watching):
            logits(loaded, ids)
    return {name: many / entries for name, (many, entries) in above.items()}
