"""Coverage: the share of a model's matrices that an experiment prunes, and what it leaves dense."""

from collections.abc import Iterator

from nmviz.base.wording import first_of
from nmviz.core.record import Record

OUTSIDE = "outside the scope"
"""Why most of what is left dense is."""


class LeftDense(Record):
    """Matrices of one name, in all blocks: their share of the blocks' matrix parameters."""

    name: str  # the path inside a block, such as mlp.experts.down_proj
    share: float  # 0..1
    reason: str


class Coverage(Record):
    """Shares in 0..1 of the matrices inside the decoder's blocks that the scope covers.

    `parameters` is by their entries; `multiply_adds` by the products with weights of one token,
    without attention's own two. Embeddings, lm_head, norms and depthwise convolutions are not among
    them, routers neither: those are named in `routers`, with their entries as a share of the rest.
    `not_read` names the weights that no product of a pass reads.
    """

    parameters: float
    multiply_adds: float
    left_dense: tuple[LeftDense, ...] = ()
    routers: tuple[LeftDense, ...] = ()
    not_read: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """What it says, for a reader."""
        whole = self.parameters == 1 and self.multiply_adds == 1
        yield (
            "pruned: all matrix parameters of the blocks"
            if whole
            else f"pruned: {_percent(self.parameters)} of the blocks' matrix parameters, "
            f"{_percent(self.multiply_adds)} of their multiply-adds"
        )
        if self.left_dense:
            yield f"left dense: {first_of([_said(one) for one in self.left_dense])}"
        if self.routers:
            yield f"routers, dense: {first_of([_router(one) for one in self.routers])}"
        if self.not_read:
            yield f"not read by a pass: {first_of(self.not_read)}"


def _said(one: LeftDense) -> str:
    return f"{one.name} ({_percent(one.share)}; {one.reason})"


def _router(one: LeftDense) -> str:
    return f"{one.name} ({_percent(one.share)})"


def _percent(share: float) -> str:
    """As one writes it; what is not all is never called 100%."""
    shown = f"{100 * share:.3g}"
    if share < 1 and shown == "100":
        return "just under 100%"
    return f"{shown}%"
