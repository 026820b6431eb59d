"""What an experiment spends: multiply-adds for a token, kept and added, as a share of dense.

Two methods are compared at equal budget where they spend as much. What a method that multiplies by
further matrices gains could also be had by dropping less, so beside it stands magnitude alone at
the P% that leaves room for as many multiply-adds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nmviz.core.experiment import Experiment
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.costs import BYTES, Added
from nmviz.methods.method import parse_call
from nmviz.methods.site_lists import Sites
from nmviz.sources.widths import Layer

ABOUT = (
    "Counted are the multiply-adds for a token in the layers in scope, as if what is dropped were "
    "skipped: those kept, by the pattern, and those of products with matrices that a method adds. "
    "Elementwise operations, which grow with a layer's width and not with its size, are told "
    "beside it; the choice of the mask is not counted."
)


@dataclass(frozen=True)
class Budget:
    """For a token, over all layers in scope: `dense` multiply-adds, the share `kept` of them
    (0..1, before P% is rounded to whole entries), and what the methods add."""

    dense: int
    kept: float
    added: Added

    @property
    def share(self) -> float:
        """Multiply-adds, kept and added, over those of dense; above 1 it spends more than dense."""
        return self.kept + self.added_share

    @property
    def added_share(self) -> float:
        return self.added.multiply_adds / self.dense

    @property
    def elementwise_share(self) -> float:
        """Elementwise operations that are added, over the multiply-adds of dense."""
        return self.added.elementwise / self.dense

    @property
    def equal_drop(self) -> float | None:
        """The P% that magnitude alone may drop at this budget, to a tenth; None where it may drop
        nothing."""
        percent = round(100 * (1 - self.share), 1)
        return percent if percent > 0 else None

    def to_json(self) -> dict[str, Any]:
        """The numbers, shares and bytes, with what is counted."""
        return {
            "dense_multiply_adds": self.dense,
            "kept_share": self.kept,
            "added_multiply_adds": self.added.multiply_adds,
            "added_elementwise": self.added.elementwise,
            "added_weight_bytes": {kind: self.added.weight_bytes(kind) for kind in BYTES},
            "share_of_dense": self.share,
            "magnitude_alone_may_drop_percent": self.equal_drop or 0.0,
            "about": ABOUT,
        }

    def in_words(self) -> str:
        """One line: what is spent, what is added, and what magnitude alone may drop for it."""
        dense = "of the multiply-adds of these layers when dense"
        kept = f"{self.share:.1%} {dense}: {self.kept:.1%} kept"
        beside = f"{self.elementwise_share:.2%} more elementwise" if self.added.elementwise else ""
        if not self.added.multiply_adds:
            return f"{kept}, none added" + (f" ({beside})" if beside else "")
        read = f"{self.added.weight_bytes() / 1e6:,.1f} MB of weights in fp32"
        drop = self.equal_drop
        may = f"may drop {drop:g}%" if drop is not None else "may drop nothing"
        told = f" ({beside})" if beside else ""
        return (
            f"{kept}, {self.added_share:.1%} added with {read}{told}; at this budget magnitude "
            f"alone {may}"
        )


def budget(experiment: Experiment, layers: Iterable[Layer], sites: Sites | None = None) -> Budget:
    """What it spends in a model of these layers; those that M does not divide are left out. `sites`
    are its own as the model calls them, where it has other names.

    UserError where a setting that it hangs on is not known.
    """
    sites = sites or experiment.sites
    held = [x for x in layers if sites.hold(x.projection, x.block)]
    masks = {x: experiment.mask_at([x.projection], x.block) for x in held}
    chosen = [x for x in held if x.d_in % (masks[x].group or 1) == 0]
    calls = [parse_call(experiment.criterion, BY_TARGET[experiment.target])]
    calls += [parse_call(text, MITIGATIONS) for text in experiment.mitigations]
    added, dense, kept = Added(), 0.0, 0.0
    for layer in chosen:
        own = layer.d_out * layer.d_in * layer.uses
        dense, kept = dense + own, kept + own * masks[layer].density
        for call in calls if not experiment.mask.is_dense else ():
            added += call.adds(layer.d_out, layer.d_in) * layer.uses
    share = kept / dense if experiment.by_layer and dense else experiment.masks[0].density
    return Budget(round(dense), share, added)


def at_equal_budget(experiment: Experiment, spent: Budget) -> Experiment | None:
    """Magnitude alone that spends as much: with the same pattern where nothing is added, else at
    a P%; None where the budget is that of dense or more, which costs nothing."""
    plain = {"criterion": "magnitude", "mitigations": ()}
    if not spent.added.multiply_adds:
        return experiment.but(**plain)
    drop = spent.equal_drop
    return None if drop is None else experiment.but(pattern=f"{drop}%", **plain)
