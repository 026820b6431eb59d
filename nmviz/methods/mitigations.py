"""Mitigations: what is done to repair the damage of a mask. A new one is one class here.

A mitigation is up to three steps around the mask (x: [tokens, d_in], y: [tokens, d_out]):

    before(x) -> x', undo     undo(kept) puts back what before took away
    kept(x', kept) -> kept'   sees the shifted input and what the mask left of it
    after(y, x', kept) -> y'  sees the product before the bias is added

Steps that are missing do nothing. Stacked mitigations run in the order given, and the `before`
steps are undone in reverse. Keyword-only fields are the settings a user may change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmviz.methods.method import Method, declare
from nmviz.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

MITIGATIONS: Registry[Method] = Registry("mitigation")

Undo = Callable[["Tensor"], "Tensor"]


class Mitigation:
    """Every step does nothing: subclasses fill in the ones they have."""

    def before(self, x: Tensor) -> tuple[Tensor, Undo | None]:
        return x, None

    def kept(self, x: Tensor, kept: Tensor) -> Tensor:
        return kept

    def after(self, y: Tensor, x: Tensor, kept: Tensor) -> Tensor:
        return y


def mitigation(name: str, **facts: Any) -> Callable[[type[Mitigation]], type[Mitigation]]:
    """Register the decorated class as a mitigation (of pruned activations)."""

    def register(code: type[Mitigation]) -> type[Mitigation]:
        MITIGATIONS.add(name, declare(name, code, **facts))
        return code

    return register


@mitigation(
    "d-pts",
    formula="Y = ((X - eta) * M + eta) W^T, eta_t = median of token t",
    source="D-PTS in arXiv 2509.22166, section 3.3; the median as in the authors' code",
)
@dataclass(frozen=True, kw_only=True)
class DynamicShift(Mitigation):
    """Dynamic shift (D-PTS): centre every token on its median, and put the median back.

    Entries near the middle of a token become the small ones, so dropping them replaces them by the
    median instead of by zero. The median is the lower of the middle two.
    """

    def before(self, x: Tensor) -> tuple[Tensor, Undo]:
        eta = x.median(dim=-1, keepdim=True).values  # [tokens, 1]
        return x - eta, lambda kept: kept + eta


@mitigation(
    "var",
    formula="kept * sqrt(Var(x') / Var(kept)), per token, unbiased, zeros included",
    source="VAR in arXiv 2509.22166, eq. 5",
)
@dataclass(frozen=True, kw_only=True)
class VarianceCorrection(Mitigation):
    """Variance correction (VAR): scale what was kept up to the variance of the whole token.

    Dropping entries shrinks the spread of a token; the factor gives it back. It scales the kept
    entries of the shifted input, never the shift or the bias.
    """

    def kept(self, x: Tensor, kept: Tensor) -> Tensor:
        lost = kept.var(dim=-1, keepdim=True).clamp_min(1e-9)
        return kept * (x.var(dim=-1, keepdim=True) / lost).sqrt()
