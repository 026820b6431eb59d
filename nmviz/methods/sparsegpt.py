"""SparseGPT's weight update, column by column (arXiv 2301.00774)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nmviz.base.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from nmviz.methods.patterns import Pattern

    Choose = Callable[[Tensor, Pattern], Tensor]  # scores to a mask of the same shape

BLOCK = 128  # columns updated together before the error is passed on to the rest


def prune(
    weight: Tensor, x: Tensor, pattern: Pattern, damp: float, choose: Choose
) -> tuple[Tensor, Tensor]:
    """Pruned weight and mask, both [d_out, d_in], from inputs x, [tokens, d_in].

    N:M masks are chosen at the first column of every group of M; P% within each block of columns.
    """
    import torch

    factor = inverse_factor(x, damp).to(weight.dtype)  # U, upper triangular [d_in, d_in]
    pruned = weight.detach().clone()
    pruned[:, x.abs().amax(0) == 0] = 0  # channels that never carry anything
    mask = torch.ones_like(weight, dtype=torch.bool)
    width = BLOCK if pattern.group is None else -(-BLOCK // pattern.group) * pattern.group
    for start in range(0, weight.shape[1], width):
        end = min(start + width, weight.shape[1])
        errors = _prune_columns(pruned, mask, factor, (start, end), pattern, choose)
        pruned[:, end:] -= errors @ factor[start:end, end:]
    return torch.where(mask, pruned, 0), mask


def inverse_factor(x: Tensor, damp: float) -> Tensor:
    """Upper Cholesky factor U with H^-1 = U^T U, float64 [d_in, d_in].

    H = 2/n X^T X + damp * mean(diag) * I, and 1 on the diagonal of channels that are always 0.
    UserError where it has no inverse: with little damping and fewer tokens than channels.
    """
    import torch

    inputs = x.double()
    hessian = 2 / len(inputs) * inputs.T @ inputs
    silent = hessian.diagonal() == 0
    hessian.diagonal()[silent] = 1
    hessian.diagonal().add_(damp * hessian.diagonal().mean())
    try:
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
        return torch.linalg.cholesky(inverse, upper=True)
    except torch.linalg.LinAlgError:
        raise UserError(
            f"sparsegpt cannot invert what {len(x):,} tokens of calibration text say of "
            f"{x.shape[1]:,} channels: raise damp (0.01 is usual), or read more windows."
        ) from None


def _prune_columns(
    pruned: Tensor,
    mask: Tensor,
    factor: Tensor,
    columns: tuple[int, int],
    pattern: Pattern,
    choose: Choose,
) -> Tensor:
    """Prune these columns in place; returns their errors over U_jj, [d_out, columns]."""
    import torch

    start, end = columns
    errors = torch.zeros_like(pruned[:, start:end])
    at_once = pattern.group or end - start
    for column in range(start, end):
        if (column - start) % at_once == 0:
            here = slice(column, column + at_once)
            mask[:, here] = choose(_scores(pruned, factor, here), pattern)
        kept = torch.where(mask[:, column], pruned[:, column], 0)
        error = (pruned[:, column] - kept) / factor[column, column]
        pruned[:, column:end] -= error[:, None] * factor[column, column:end]
        errors[:, column - start] = error
    return errors


def _scores(pruned: Tensor, factor: Tensor, columns: slice) -> Tensor:
    return pruned[:, columns].square() / factor.diagonal()[columns].square()
