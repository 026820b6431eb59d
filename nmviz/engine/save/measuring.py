"""What files of pruned weights cost, where `nmviz run` measures other weights than they hold."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import torch

from nmviz.core.results import Progress
from nmviz.core.running import Running
from nmviz.engine.calibrate.calibration import Bound
from nmviz.engine.load.loading import LoadedModel, load_model, quiet
from nmviz.engine.load.sites import find_sites
from nmviz.engine.measure.evaluate import Comparison
from nmviz.engine.measure.runner import Run
from nmviz.engine.measure.trial import Trial
from nmviz.engine.prune.weights import PrunedWeights, ReadBack


class RunOfFiles(Run):
    """A run of weights that are read back from the files in `folder`, against the dense model that
    they were made from; `bound` is the experiment that made them."""

    def __init__(
        self,
        loaded: LoadedModel,
        bound: Bound,
        folder: Path,
        text: str,
        how: Running,
        cancel: Event | None = None,
    ) -> None:
        super().__init__(loaded, [bound.pruned.experiment], text, cancel, how)
        self._bound, self._folder = bound, folder

    def _prepare(self) -> Iterator[Progress]:
        yield Progress("reading the files back", total=self._budget)
        made = self._bound.pruned
        assert isinstance(made, PrunedWeights)
        with quiet():
            model, _ = load_model(self._folder, str(self._folder))
        model = model.to(self.loaded.device)
        weights = {site.name: site.weight for site in find_sites(model)}
        compared = Comparison(ReadBack(made, weights), sampled=not self.how.exact_errors)
        given = self._bound.figures, self._bound.coverage, self._bound.given
        self.trials.append(Trial(compared, *given))


def is_exact(bound: Bound, dtype: torch.dtype) -> bool:
    """Whether `nmviz run` measures the very weights that files of that type hold: not where it
    gives the mean over several draws of ties, nor where changed weights are rounded to fewer bits.
    """
    pruned = bound.pruned
    assert isinstance(pruned, PrunedWeights)
    return pruned.rule == "index" and (dtype == torch.float32 or not pruned.changes_weights)
