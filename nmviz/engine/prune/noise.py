"""Random noise in place of an error: whether a layer is sensitive, or its error only large."""

import hashlib

import torch
from torch import Tensor

from nmviz.core.experiment import Experiment
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.sparsify import Pruned


class NoiseOfErrors:
    """Every site gives its dense output plus noise as large, token by token, as what pruning takes
    from it there: y + ||lost|| g / ||g||, g normal, [..., d_out]. The same for the same seed.

    The control of an attribution: it has the size of the error and nothing of its direction.
    """

    def __init__(self, pruned: Pruned) -> None:
        self.pruned = pruned
        self.experiment: Experiment = pruned.experiment
        self.sites, self.left_out = pruned.sites, pruned.left_out
        self._drawn: dict[Site, torch.Generator] = {}

    def forward(self, site: Site, x: Tensor) -> Tensor:
        """Dense output [..., d_out] of inputs [..., d_in], with the noise."""
        y = site.dense(x)
        size = self.pruned.lost(site, x).norm(dim=-1, keepdim=True)  # [..., 1]
        noise = torch.randn(y.shape, generator=self._generator(site)).to(y)  # the same everywhere
        return y + noise * (size / noise.norm(dim=-1, keepdim=True))

    def _generator(self, site: Site) -> torch.Generator:
        """Of a site's own, so that its noise is the same alone and beside others."""
        if site not in self._drawn:
            place = f"noise {self.experiment.seed} {site.name}"
            digest = hashlib.sha256(place.encode()).digest()
            seed = int.from_bytes(digest[:7], "big")
            self._drawn[site] = torch.Generator().manual_seed(seed)
        return self._drawn[site]
