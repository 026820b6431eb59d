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
PANEL = 256  # columns of X^T X worked out together


def prune(
    weight: Tensor, x: Tensor, factor: Tensor, pattern: Pattern, choose: Choose
) -> tuple[Tensor, Tensor]:
    """Pruned weight and mask, both [d_out, d_in], from inputs x, [tokens, d_in], and the factor U
    of their inverse Hessian, [d_in, d_in].

    N:M masks are chosen at the first column of every group of M; P% within each block of columns.
    """
    import torch

    upper = factor.to(weight.dtype)
    columns = weight.detach().T.clone(memory_format=torch.contiguous_format)  # [d_in, d_out]
    columns[x.abs().amax(0) == 0] = 0  # channels that never carry anything
    mask = torch.ones_like(columns, dtype=torch.bool)
    width = BLOCK if pattern.group is None else -(-BLOCK // pattern.group) * pattern.group
    for start in range(0, len(columns), width):
        here, after = slice(start, start + width), slice(start + width, None)
        errors = _prune_columns(columns[here], mask[here], upper[here, here], pattern, choose)
        columns[after].addmm_(upper[here, after].T, errors, alpha=-1)
    return torch.where(mask, columns, 0).T.contiguous(), mask.T.contiguous()


def inverse_factor(x: Tensor, damp: float) -> Tensor:
    """Upper Cholesky factor U with H^-1 = U^T U, float64 [d_in, d_in].

    H = 2/n X^T X + damp * mean(diag) * I, and 1 on the diagonal of channels that are always 0.
    UserError where it has no inverse: with little damping and fewer tokens than channels.
    """
    import torch

    hessian = _gram(x.double()).mul_(2 / len(x))
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


def _gram(x: Tensor) -> Tensor:
    """X^T X, [d_in, d_in], from x [tokens, d_in]: what lies below the diagonal is mirrored."""
    import torch

    gram = x.new_empty(x.shape[1], x.shape[1])
    for start in range(0, x.shape[1], PANEL):
        here = slice(start, start + PANEL)
        gram[here, start:] = x[:, here].T @ x[:, start:]
    return torch.triu(gram).add_(torch.triu(gram, 1).T)


def _prune_columns(
    columns: Tensor, mask: Tensor, upper: Tensor, pattern: Pattern, choose: Choose
) -> Tensor:
    """Prune a block of columns [width, d_out] in place, and its mask with it, under its own part of
    U [width, width]; returns their errors over U_jj, [width, d_out]."""
    import torch

    errors = torch.empty_like(columns)
    at_once = pattern.group or len(columns)
    squares = upper.diagonal().square()[:, None]
    for j in range(len(columns)):
        if j % at_once == 0:
            group = slice(j, j + at_once)
            scores = columns[group].square() / squares[group]
            mask[group] = choose(scores.T, pattern).T
        errors[j] = torch.where(mask[j], 0, columns[j]) / upper[j, j]
        columns[j + 1 :].addcmul_(upper[j, j + 1 :, None], errors[j], value=-1)
    return errors
