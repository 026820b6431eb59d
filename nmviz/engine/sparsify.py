"""A model under an experiment: what every site computes instead, inside a `with` block.

Nothing of the model is written to. A pruned weight is a copy, and a site's `forward` is replaced on
the instance and put back, so the model afterwards is the model before, bit for bit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from nmviz.engine.masking import Ties, count_ties, matrix_mask, token_mask
from nmviz.engine.sites import Site, choose, find_sites
from nmviz.experiment import Experiment
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT
from nmviz.methods.method import parse_call
from nmviz.methods.mitigations import Mitigation

SiteForward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Masked:
    """What a mask did at one site: [..., d_in] of its input or [d_out, d_in] of its weight."""

    values: Tensor  # before the mask: the site's inputs, or its weight
    scores: Tensor
    mask: Tensor  # bool
    shift: Tensor | None = None  # what the `before` steps took away


class Pruned(Protocol):
    """An experiment bound to the sites of one model."""

    experiment: Experiment
    sites: Sequence[Site]

    def forward(self, site: Site, x: Tensor) -> Tensor:
        """The pruned layer: [..., d_in] to [..., d_out]."""

    def masked(self, site: Site, x: Tensor) -> Masked:
        """The mask at one site, for a picture of it."""

    def kept(self, site: Site) -> float:
        """Share of ones in the site's mask, 0..1."""


class PrunedActivations:
    """Every token's input is masked anew, between the mitigations' steps."""

    def __init__(self, experiment: Experiment, sites: Sequence[Site]) -> None:
        self.experiment, self.sites = experiment, sites
        self.pattern = experiment.mask
        self.criterion = parse_call(experiment.criterion, ACTIVATION)
        self.mitigations: list[Mitigation] = []
        for text in experiment.mitigations:
            call = parse_call(text, MITIGATIONS)
            self.mitigations.append(call.method.code(**call.settings))

    def forward(self, site: Site, x: Tensor) -> Tensor:
        shifted, undos = self._before(x)
        kept = torch.where(token_mask(self._scores(site, shifted), self.pattern), shifted, 0)
        for step in self.mitigations:
            kept = step.kept(shifted, kept)
        for undo in reversed(undos):
            kept = undo(kept)
        y = functional.linear(kept, site.weight)
        for step in self.mitigations:
            y = step.after(y, shifted, kept)
        return y if site.bias is None else y + site.bias

    def masked(self, site: Site, x: Tensor) -> Masked:
        shifted, undos = self._before(x)
        scores = self._scores(site, shifted)
        shift = x - shifted if undos else None
        return Masked(x, scores, token_mask(scores, self.pattern), shift)

    def kept(self, site: Site) -> float:
        if self.pattern.is_grouped:
            return self.pattern.density
        return (site.d_in - self.pattern.dropped(site.d_in)) / site.d_in

    def _before(self, x: Tensor) -> tuple[Tensor, list[Callable[[Tensor], Tensor]]]:
        undos = []
        for step in self.mitigations:
            x, undo = step.before(x)
            if undo is not None:
                undos.append(undo)
        return x, undos

    def _scores(self, site: Site, x: Tensor) -> Tensor:
        channel = self.criterion.method.code(x, site.weight, **self.criterion.settings)
        return x.abs() if channel is None else x.abs() * channel


class PrunedWeights:
    """The weight is masked once; a tie seed breaks ties at random instead of by index."""

    def __init__(
        self, experiment: Experiment, sites: Sequence[Site], tie_seed: int | None = None
    ) -> None:
        self.experiment, self.sites = experiment, sites
        self.pattern = experiment.mask
        self.criterion = parse_call(experiment.criterion, WEIGHT)
        self.generator = None if tie_seed is None else torch.Generator().manual_seed(tie_seed)
        self.ties = Ties(0, 0)
        self._pruned: dict[Site, Tensor] = {}
        self._kept: dict[Site, float] = {}

    def prepare(self, check: Callable[[], None] = lambda: None) -> None:
        """Prune the weights of all sites and count their ties; `check` runs before each site."""
        for site in self.sites:
            check()
            scores = self._scores(site)
            mask = matrix_mask(scores, self.pattern, self.generator)
            self._pruned[site] = torch.where(mask, site.weight, 0)
            self._kept[site] = mask.sum().item() / mask.numel()
            if self.generator is None:
                self.ties += count_ties(scores, self.pattern)

    def forward(self, site: Site, x: Tensor) -> Tensor:
        return functional.linear(x, self._pruned[site], site.bias)

    def masked(self, site: Site, x: Tensor) -> Masked:
        scores = self._scores(site)
        return Masked(site.weight, scores, matrix_mask(scores, self.pattern, self.generator))

    def kept(self, site: Site) -> float:
        return self._kept[site]

    def _scores(self, site: Site) -> Tensor:
        return self.criterion.method.code(site.weight, **self.criterion.settings)


def bind(model: nn.Module, experiment: Experiment, check: Callable[[], None]) -> Pruned:
    """The experiment on the sites of its scope, weights pruned; `check` may raise Cancelled."""
    sites = choose(find_sites(model), experiment)
    if experiment.target == "activation":
        return PrunedActivations(experiment, sites)
    weights = PrunedWeights(experiment, sites)
    weights.prepare(check)
    return weights


@contextmanager
def replaced(substitutes: Mapping[Site, SiteForward]) -> Iterator[None]:
    """Sites compute something else inside the block; undone whatever happens inside."""
    missing = object()
    before = {site: site.module.__dict__.get("forward", missing) for site in substitutes}
    try:
        for site, forward in substitutes.items():
            site.module.__dict__["forward"] = forward
        yield
    finally:
        for site, forward in before.items():
            if forward is missing:
                site.module.__dict__.pop("forward", None)
            else:
                site.module.__dict__["forward"] = forward


def forwards(pruned: Pruned, check: Callable[[], None]) -> dict[Site, SiteForward]:
    """What every site in the scope computes; `check` runs first and may raise Cancelled."""

    def forward(site: Site, x: Tensor) -> Tensor:
        check()
        return pruned.forward(site, x)

    return {site: partial(forward, site) for site in pruned.sites}
