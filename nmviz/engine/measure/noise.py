"""What rounding alone does to a model: every layer's output with an error as bf16 would make."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from nmviz.core.tokenwise.floor import FLOOR_DRAWS, NoiseFloor
from nmviz.engine.load.sites import Site
from nmviz.engine.measure.statistics import PairedTokens
from nmviz.engine.prune.sparsify import SiteForward

EXPONENT = 0x7F800000
"""The bits of a float32 that alone stand for the power of two at or below it."""
HALF_A_UNIT = 2.0**-8
"""Half a unit in the last place of bf16, which has 8 significant bits, over that power of two."""


@dataclass
class Floor:
    """Draws of rounding errors on one model over the windows so far."""

    of: Literal["dense", "pruned"]
    draws: list[PairedTokens] = field(
        default_factory=lambda: [PairedTokens() for _ in range(FLOOR_DRAWS)]
    )

    def told(self) -> NoiseFloor | None:
        """The floor over the windows so far; None before the first."""
        if not self.draws[0].nll:
            return None
        kl = [torch.cat(one.kl).mean() for one in self.draws]
        moved = [one.cost().value for one in self.draws]
        return NoiseFloor(
            of=self.of,
            kl=float(torch.stack(kl).mean()),
            delta_nll=(sum(value**2 for value in moved) / len(moved)) ** 0.5,
            draws=len(self.draws),
        )


def rough(
    sites: Sequence[Site],
    computed: Mapping[Site, SiteForward],
    ids: Tensor,
    draw: int,
    check: Callable[[], None],
) -> dict[Site, SiteForward]:
    """What every site computes, with a rounding error: what `computed` has, else the dense layer.

    The errors hang on the draw, the windows ids and the site alone, so that they are the same again
    and on every machine. `check` runs first and may raise Cancelled.
    """
    windows = hashlib.sha256(ids.numpy().tobytes()).hexdigest()

    def forward(site: Site, x: Tensor) -> Tensor:
        check()
        y = computed[site](x) if site in computed else site.dense(x)
        seed = hashlib.sha256(f"{draw} {windows} {site.name}".encode()).digest()
        return with_rounding(y, int.from_bytes(seed[:6]))

    return {site: partial(forward, site) for site in sites}


def with_rounding(y: Tensor, seed: int) -> Tensor:
    """y, float32, with an error drawn evenly from within half a unit in the last place of bf16 at
    each value; what is 0 stays 0."""
    power = (y.view(torch.int32) & EXPONENT).view(torch.float32)
    chance = torch.rand(y.shape, generator=torch.Generator().manual_seed(seed)).to(y.device)
    return y + power.mul_(2 * HALF_A_UNIT).mul_(chance.sub_(0.5))
