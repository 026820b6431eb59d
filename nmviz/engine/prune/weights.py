"""Pruned weights: what a site computes when its weight is masked, once."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nmviz.core.experiment import Experiment
from nmviz.core.rules import MANY_TIES
from nmviz.engine.load.refusals import not_finite
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.kernels.packed import as_bits, from_bits, under_bits
from nmviz.engine.prune.masking import Ties, count_ties, matrix_mask
from nmviz.engine.prune.samples import Rows
from nmviz.engine.prune.sparsify import Masked, Pruned, States, state_of
from nmviz.methods import WEIGHT
from nmviz.methods.method import Call, parse_call


class PrunedWeights:
    """The weight is masked once. Ties go to the lower index until `settle`, calibration included,
    and then as the experiment says; at random they are those of the first draw.

    What is pruned is a copy of the weight; `packed`, for passes over many tokens, it is the mask as
    bits, a 32nd of it, where the weights that stay are as they were.
    """

    draw = 0
    left_out: Sequence[int] = ()

    def __init__(self, experiment: Experiment, sites: Sequence[Site], packed: bool = False) -> None:
        self.experiment, self.sites = experiment, sites
        self.criterion = parse_call(experiment.criterion, WEIGHT)
        self.rule: Literal["index", "random"] = "index"
        self.states: dict[Site, States] = defaultdict(dict)
        self._packed = packed
        self._ties: dict[Site, Ties] = {}
        self._pruned: dict[Site, Tensor | np.ndarray] = {}  # the weight, or bits of its mask
        self._kept: dict[Site, tuple[int, int]] = {}

    @property
    def calls(self) -> Sequence[Call]:
        return [self.criterion]

    @property
    def ties(self) -> Ties:
        """What a tie decides, over the sites that are finished."""
        return sum(self._ties.values(), Ties(0, 0))

    def ties_by_site(self) -> dict[str, tuple[int, int]]:
        """The same by site, to go on from with `know_ties`."""
        return {site.name: (ties.tied, ties.count) for site, ties in self._ties.items()}

    def know_ties(self, told: Mapping[str, Sequence[int]]) -> None:
        """Take the ties of these sites for counted."""
        for site in self.sites:
            if site.name in told:
                self._ties[site] = Ties(*told[site.name])

    @property
    def unit_of_ties(self) -> str:
        """What `ties` counts."""
        if all(mask.is_grouped for mask in self.experiment.masks):
            return "blocks"
        if any(mask.is_grouped for mask in self.experiment.masks):
            return "blocks and entries"
        return "rows" if self._over == "row" else "entries"

    def calibrate(self, site: Site, x: Tensor) -> None:
        state = state_of(self.criterion, site, x, site.mask_in(self.experiment))
        self.states[site] = {self.criterion.method.name: state}

    def finish(self, site: Site) -> None:
        if bool(site.weight.isnan().any()):  # dropped like a small one, it would be seen no more
            raise not_finite()
        masked = self.masked(site, site.weight)
        changed = self._changed_weight(site)
        if changed is None and self._packed:
            self._pruned[site] = as_bits(masked.mask)
        else:
            weight = site.weight if changed is None else changed[0]
            self._pruned[site] = under_bits(weight, as_bits(masked.mask))  # faster than torch
        self._kept[site] = int(masked.mask.count_nonzero()), masked.mask.numel()
        if changed is None and site not in self._ties:
            pattern = site.mask_in(self.experiment)
            self._ties[site] = count_ties(masked.scores, masked.mask, pattern, self._over)

    def release(self, site: Site) -> None:
        self._pruned.pop(site, None)

    @property
    def has_all_ties(self) -> bool:
        """Whether the ties of all sites are counted, or there are none to count."""
        return self.changes_weights or all(site in self._ties for site in self.sites)

    def settle(self) -> bool:
        """Choose how ties are broken, by the sites that are finished. True where that changes
        masks: then every site is to be finished again."""
        asked = self.experiment.ties
        drawn = self.ties.share > MANY_TIES if asked == "auto" else asked == "random"
        self.rule = "random" if drawn else "index"
        return drawn

    def forward(self, site: Site, x: Tensor) -> Tensor:
        return functional.linear(x, self._weight(site), site.bias)

    def lost(self, site: Site, x: Tensor) -> Tensor:
        return functional.linear(x, site.weight - self._weight(site))

    def lost_rows(self, site: Site, rows: Rows, x: Tensor | None) -> Tensor:
        if self.experiment.is_dense:  # exactly 0
            return torch.zeros_like(rows.y)
        return rows.y - self.forward(site, rows.x)

    def dropped_of_rows(self, site: Site, rows: Rows, x: Tensor | None) -> Tensor | None:
        return None

    @property
    def token_by_token(self) -> bool:
        return True

    def masked(self, site: Site, x: Tensor) -> Masked:
        changed = self._changed_weight(site)
        if changed is not None:
            return Masked(site.weight, changed[0].abs(), changed[1])
        scores = self._given(site)
        generator = self._generator(site) if self.rule == "random" else None
        pattern = site.mask_in(self.experiment)
        return Masked(site.weight, scores, matrix_mask(scores, pattern, generator, self._over))

    def kept_of(self, site: Site, x: Tensor) -> tuple[int, int]:
        return self._kept[site]

    @property
    def changes_weights(self) -> bool:
        """Whether weights that stay are others than before."""
        return self.criterion.method.facts.gives == "weight"

    def taken(self, site: Site) -> tuple[Tensor, Tensor]:
        """The pruned weight and its mask, both [d_out, d_in], of a site that is finished."""
        held = self._pruned[site]
        if isinstance(held, Tensor):
            return held, self.masked(site, site.weight).mask
        return under_bits(site.weight, held), from_bits(held, site.weight)

    def _weight(self, site: Site) -> Tensor:
        """The pruned weight, [d_out, d_in]."""
        held = self._pruned[site]
        return held if isinstance(held, Tensor) else under_bits(site.weight, held)

    def _generator(self, site: Site) -> torch.Generator:
        """Of a site's own, so that its mask is the same alone and in a run, in any scope."""
        place = f"{self.experiment.drawn[1]} {self.draw} {site.name}"
        digest = hashlib.sha256(place.encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def _given(self, site: Site) -> Any:
        method = self.criterion.method
        state = self.states[site].get(method.name, {})
        return method.code(site.weight, state, **self.criterion.settings)

    @property
    def _over(self) -> str:
        return str(self.criterion.settings.get("over", "matrix"))

    def _changed_weight(self, site: Site) -> tuple[Tensor, Tensor] | None:
        """Weight and mask of a criterion that also changes what it keeps, or None."""
        return self._given(site) if self.changes_weights else None


def is_drawn(pruned: Pruned) -> bool:
    """Whether ties between its weights are broken at random."""
    return isinstance(pruned, PrunedWeights) and pruned.rule == "random"


class Redrawn(PrunedWeights):
    """The same weights with their ties broken by another draw; `packed`, many of them fit beside
    the model."""

    def __init__(self, first: PrunedWeights, draw: int, packed: bool = True) -> None:
        super().__init__(first.experiment, first.sites, packed)
        self.draw, self.rule, self.states = draw, "random", first.states

    def finish(self, site: Site) -> None:
        bits = as_bits(self.masked(site, site.weight).mask)
        self._pruned[site] = bits if self._packed else under_bits(site.weight, bits)


class ReadBack(PrunedWeights):
    """Pruned weights as files hold them, by the name of their site: nothing is masked again. What
    is said of ties and of what is kept is what was said when they were pruned."""

    def __init__(self, made: PrunedWeights, weights: Mapping[str, Tensor]) -> None:
        super().__init__(made.experiment, made.sites)
        self.rule, self.states = made.rule, made.states
        self._ties, self._kept = made._ties, made._kept
        self._pruned = {site: weights[site.name] for site in made.sites}
