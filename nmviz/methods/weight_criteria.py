"""Criteria for weights: which weights are kept. A new one is one function here.

A criterion sees the weight, [d_out, d_in], and its calibrated state, and returns scores of the same
shape. With gives="weight" it returns the pruned weight itself; its `calibrate` is then given
`choose`, which makes a mask of scores and a pattern, so that the rule of what stays is one, and
`once`, which makes what is made of the inputs alone once for all layers that are given them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nmviz.base.registry import Registry
from nmviz.methods import costs
from nmviz.methods.method import Method, declare
from nmviz.methods.norms import column_norm

if TYPE_CHECKING:
    from torch import Tensor

    from nmviz.methods.patterns import Pattern
    from nmviz.methods.sparsegpt import Choose

    State = Mapping[str, Tensor]
    Once = Callable[[str, Callable[[], Tensor]], Tensor]

WEIGHT: Registry[Method] = Registry("weight criterion")


def criterion(name: str, **facts: Any) -> Callable[..., Any]:
    """Register the decorated function as a weight criterion."""

    def register(code: Callable[..., Any]) -> Callable[..., Any]:
        WEIGHT.add(name, declare(name, code, **{"gives": "scores", **facts}))
        return code

    return register


@criterion(
    "magnitude",
    formula="S = |W_ij|",
    source="WT in arXiv 2509.22166, section 3.2",
    adds=costs.nothing,
)
def magnitude(weight: Tensor, state: State) -> Tensor:
    """Magnitude: keep the largest weights.

    The choice is made once, without looking at any text. Weights have few extremes, so a small
    weight may still meet a large input.
    """
    return weight.abs()


ROWS = {"over": ("matrix", "row")}
"""What P% is dropped of: of the whole matrix, or of every output row."""


def _column_norms(
    weight: Tensor, x: Tensor, pattern: Pattern, **settings: object
) -> dict[str, Tensor]:
    """||X_:,j||_2 over the calibration tokens, [d_in]."""
    return {"norm": column_norm(x.double())[0].to(weight.dtype)}


@criterion(
    "wanda",
    formula="S_ij = |W_ij| * ||X_:,j||_2",
    source="Wanda (arXiv 2306.11695)",
    needs="inputs",
    calibrate=_column_norms,
    sequential=True,
    choices=ROWS,
    adds=costs.nothing,
)
def wanda(weight: Tensor, state: State, *, over: str = "row") -> Tensor:
    """Wanda: a weight counts for more where the input it meets is large.

    The norms come from calibration text, through the blocks already pruned. Scores are compared
    within an output row, as in the paper; with `matrix` P% is dropped of the whole matrix.
    """
    return weight.abs() * state["norm"]


@criterion(
    "ria",
    formula="S_ij = (|W_ij| / sum_i |W_ij| + |W_ij| / sum_j |W_ij|) * ||X_:,j||_2^power",
    source="RIA (Relative Importance and Activations), formula from its released code",
    needs="inputs",
    calibrate=_column_norms,
    sequential=True,
    now={"over": "matrix"},
    choices=ROWS,
    least={"power": 0},
    adds=costs.nothing,
)
def ria(weight: Tensor, state: State, *, power: float = 0.5, over: str = "row") -> Tensor:
    """RIA: how large a weight is in its own row and column, times the input it meets.

    Measuring against row and column keeps any channel from being dropped whole. Channels are not
    permuted. `power` weakens the input's part; 0.5 is what the paper is said to use.

    At P% scores are compared over the whole matrix, as the released code does unless it is given
    `--per_outneuron`, and `over` is always written; with `row` they are compared within an output
    row. Results stored as `ria` alone are older and mean `over=row`.
    """
    size = weight.abs()
    relative = size / size.sum(0, keepdim=True).clamp_min(1e-30)
    relative = relative + size / size.sum(1, keepdim=True).clamp_min(1e-30)
    return relative * state["norm"] ** power


@criterion(
    "random",
    formula="S ~ uniform(0, 1), seeded",
    source="the floor",
    least={"seed": 0},
    adds=costs.nothing,
)
def random(weight: Tensor, state: State, *, seed: int = 0) -> Tensor:
    """Random: keep weights drawn at random, under a seed.

    The floor: a criterion that does no better has learned nothing about the weight.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.rand(weight.shape, generator=generator).to(weight.device)


def _sparsegpt(
    weight: Tensor, x: Tensor, pattern: Pattern, *, damp: float, choose: Choose, once: Once
) -> dict[str, Tensor]:
    from nmviz.methods.sparsegpt import inverse_factor, prune

    factor = once(f"inverse Hessian, damp={damp}", lambda: inverse_factor(x, damp))
    pruned, mask = prune(weight, x, factor, pattern, choose)
    return {"weight": pruned, "mask": mask}


@criterion(
    "sparsegpt",
    formula="S_ij = W_ij^2 / U_jj^2, U = chol(H^-1), H = 2/n X^T X + damp mean(diag H) I; "
    "what is dropped is made up for in the columns to its right",
    source="SparseGPT (arXiv 2301.00774), formula from its released code",
    gives="weight",
    needs="inputs",
    calibrate=_sparsegpt,
    sequential=True,
    least={"damp": 0},
    adds=costs.nothing,
)
def sparsegpt(weight: Tensor, state: State, *, damp: float = 0.01) -> tuple[Tensor, Tensor]:
    """SparseGPT: choose columns from left to right and let the rest make up for the loss.

    The only criterion that also changes the weights it keeps: each dropped entry's error on the
    calibration text is spread over the columns that come after it. `damp` is the share of the mean
    diagonal that is added to H so that it can be inverted, 0.01 as in the released code. P% is
    dropped of every 128 columns at once, as there.
    """
    return state["weight"], state["mask"]
