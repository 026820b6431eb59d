"""What a mitigation is: the steps it may have, and how it is registered.

A mitigation is up to four steps (x: [..., tokens, d_in], y: [..., tokens, d_out]):

    calibrate(weight, x) -> state    once, from the inputs [tokens, d_in] of calibration text
                                     (x is None with needs="weight": from the weight alone)
    before(x, at) -> x', undo        undo(kept) puts back what before took away
    shift(x, at) -> eta              instead of before, where it only subtracts: the engine may then
                                     do it in one pass with the mask
    kept(x', kept, at) -> kept'      sees the shifted input and what the mask left of it
    after(y, x, kept, at) -> y'      sees the product before the bias, the input and what is left

`at` is the site: its weight, the state, and how the engine finds medians. Steps that are missing do
nothing. Stacked mitigations run in the order given, and the `before` steps are undone in reverse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from nmviz.base.registry import Registry
from nmviz.methods.method import Method, declare

if TYPE_CHECKING:
    from torch import Tensor

MITIGATIONS: Registry[Method] = Registry("mitigation")

Undo = Callable[["Tensor"], "Tensor"]


@dataclass(frozen=True)
class At:
    """Where a step runs: the site's weight [d_out, d_in], the mitigation's state there, and how the
    lower median of every token is found, [..., d_in] to [..., 1]."""

    weight: Tensor
    state: Mapping[str, Tensor]
    median: Callable[[Tensor], Tensor] = lambda x: x.median(-1, keepdim=True).values


class Mitigation:
    """Every step does nothing: subclasses fill in the ones they have."""

    rescales: ClassVar[bool] = False  # `kept` scales to the shifted token's variance, no more
    turns: ClassVar[bool] = False  # `before` gives other axes: entries of x' are no channels

    def calibrate(self, weight: Tensor, x: Any) -> dict[str, Tensor]:
        return {}

    def shift(self, x: Tensor, at: At) -> Tensor | None:
        return None

    def before(self, x: Tensor, at: At) -> tuple[Tensor, Undo | None]:
        eta = self.shift(x, at)
        return (x, None) if eta is None else (x - eta, lambda kept: kept + eta)

    def kept(self, x: Tensor, kept: Tensor, at: At) -> Tensor:
        return kept

    def after(self, y: Tensor, x: Tensor, kept: Tensor, at: At) -> Tensor:
        return y


def mitigation(name: str, **facts: Any) -> Callable[[type[Mitigation]], type[Mitigation]]:
    """Register the decorated class as a mitigation (of pruned activations)."""

    def register(code: type[Mitigation]) -> type[Mitigation]:
        MITIGATIONS.add(name, declare(name, code, **facts))
        return code

    return register
