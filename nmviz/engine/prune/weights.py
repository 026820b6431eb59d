"""Pruned weights: what a site computes when its weight is masked, once."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nmviz.core.experiment import Experiment
from nmviz.engine.load.refusals import not_finite
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.masking import Ties, count_ties, matrix_mask
from nmviz.engine.prune.sparsify import Masked, States, state_of
from nmviz.methods import WEIGHT
from nmviz.methods.method import Call, parse_call


class PrunedWeights:
    """The weight is masked once; a tie seed breaks ties at random instead of by index."""

    def __init__(
        self, experiment: Experiment, sites: Sequence[Site], tie_seed: int | None = None
    ) -> None:
        self.experiment, self.sites = experiment, sites
        self.pattern = experiment.mask
        self.criterion = parse_call(experiment.criterion, WEIGHT)
        self.generator = None if tie_seed is None else torch.Generator().manual_seed(tie_seed)
        self.states: dict[Site, States] = defaultdict(dict)
        self._ties: dict[Site, Ties] = {}
        self._pruned: dict[Site, Tensor] = {}
        self._kept: dict[Site, tuple[int, int]] = {}

    @property
    def calls(self) -> Sequence[Call]:
        return [self.criterion]

    @property
    def ties(self) -> Ties:
        """What a tie decides, over the sites that are finished."""
        return sum(self._ties.values(), Ties(0, 0))

    @property
    def unit_of_ties(self) -> str:
        """What `ties` counts."""
        if self.pattern.is_grouped:
            return "blocks"
        return "rows" if self._over == "row" else "entries"

    def calibrate(self, site: Site, x: Tensor) -> None:
        state = state_of(self.criterion, site, x.flatten(0, -2), self.pattern)
        self.states[site] = {self.criterion.method.name: state}

    def finish(self, site: Site) -> None:
        if bool(site.weight.isnan().any()):  # dropped like a small one, it would be seen no more
            raise not_finite()
        masked = self.masked(site, site.weight)
        changed = self._changed_weight(site)
        weight = site.weight if changed is None else changed[0]
        self._pruned[site] = torch.where(masked.mask, weight, 0)
        self._kept[site] = int(masked.mask.sum()), masked.mask.numel()
        if self.generator is None and changed is None:
            self._ties[site] = count_ties(masked.scores, self.pattern, self._over)

    def forward(self, site: Site, x: Tensor) -> Tensor:
        return functional.linear(x, self._pruned[site], site.bias)

    def lost(self, site: Site, x: Tensor) -> Tensor:
        return functional.linear(x, site.weight - self._pruned[site])

    def masked(self, site: Site, x: Tensor) -> Masked:
        changed = self._changed_weight(site)
        if changed is not None:
            return Masked(site.weight, changed[0].abs(), changed[1])
        scores = self._given(site)
        mask = matrix_mask(scores, self.pattern, self.generator, self._over)
        return Masked(site.weight, scores, mask)

    def kept_of(self, site: Site, x: Tensor) -> tuple[int, int]:
        return self._kept[site]

    def _given(self, site: Site) -> Any:
        method = self.criterion.method
        state = self.states[site].get(method.name, {})
        return method.code(site.weight, state, **self.criterion.settings)

    @property
    def _over(self) -> str:
        return str(self.criterion.settings.get("over", "matrix"))

    def _changed_weight(self, site: Site) -> tuple[Tensor, Tensor] | None:
        """Weight and mask of a criterion that also changes what it keeps, or None."""
        gives_weight = self.criterion.method.facts.gives == "weight"
        return self._given(site) if gives_weight else None
