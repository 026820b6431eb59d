"""From scores to masks: the one place that decides what is kept.

Exactly so many entries are kept as were asked for, and ties go to the lower index; a generator
breaks those of a weight at random instead. N:M on the CPU is compiled (`kernels`); the
plain torch path is the reference it is tested against, and does everything else.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nmviz.engine.load.refusals import not_finite
from nmviz.engine.prune import kernels
from nmviz.engine.prune.kernels.nth_largest import nth_largest
from nmviz.engine.prune.kernels.ties import tied_blocks
from nmviz.methods.patterns import Pattern


def prune(x: Tensor, channel: Tensor | None, pattern: Pattern, over: str = "token") -> Tensor:
    """x [..., tokens, d_in] with the entries dropped that rank low by |x| * channel.

    In one pass where `kernels` does it. No gradient flows through that: what is trained masks.
    """
    keep, group = _keep_of_group(pattern, x.shape[-1])
    of_token = pattern.is_grouped or over == "token"
    if not pattern.is_dense and of_token and not graded(x) and kernels.fits(x):
        return kernels.prune(x, channel, keep, group)
    with torch.no_grad():
        mask = token_mask(weighted(x, channel), pattern, over)
    return torch.where(mask, x, 0)


def token_pruner(
    like: Tensor, channel: Tensor | None, pattern: Pattern
) -> Callable[[np.ndarray], np.ndarray]:
    """`prune` for one token [d_in] after another, of which `like` [1, d_in] is one: compiled."""
    return kernels.token_pruner(like, channel, *_keep_of_group(pattern, like.shape[-1]))


def repair(
    x: Tensor, channel: Tensor | None, pattern: Pattern, shift: Tensor | None, rescale: bool
) -> Tensor:
    """`prune` of x - shift, scaled to the variance of the shifted token, shifted back: compiled.

    For inputs that `kernels.fits`, no gradients, and patterns that are not dense.
    """
    return kernels.repair(x, channel, *_keep_of_group(pattern, x.shape[-1]), shift, rescale)


def graded(x: Tensor) -> bool:
    """Whether a gradient has to flow through x."""
    return torch.is_grad_enabled() and x.requires_grad


def weighted(x: Tensor, channel: Tensor | None) -> Tensor:
    """|x| * channel; None stands for 1."""
    return x.abs() if channel is None else x.abs() * channel


def token_mask(scores: Tensor, pattern: Pattern, over: str = "token") -> Tensor:
    """Mask of activations, bool [..., tokens, d_in]: N of every M entries, or P% dropped.

    P% is dropped of every token, or with over="window" of all tokens of a window at once.
    """
    if pattern.is_dense:
        return torch.ones_like(scores, dtype=torch.bool)
    if over == "window" and not pattern.is_grouped:
        whole = scores.flatten(-2)  # [..., tokens * d_in]
        return _top(whole, whole.shape[-1] - pattern.dropped(whole.shape[-1])).view_as(scores)
    keep, group = _keep_of_group(pattern, scores.shape[-1])
    return _top(scores.unflatten(-1, (-1, group)), keep).flatten(-2)


def matrix_mask(
    scores: Tensor,
    pattern: Pattern,
    generator: torch.Generator | None = None,
    over: str = "matrix",
) -> Tensor:
    """Mask of a weight, bool [d_out, d_in]: N of every M along d_in, or P% dropped of the matrix.

    P% drops the k lowest scores of all, with over="row" of every output row. Of entries that tie at
    the cut those at the lower index stay, with a generator random ones.
    """
    if pattern.is_dense:
        return torch.ones_like(scores, dtype=torch.bool)
    if not pattern.is_grouped and over == "matrix":
        return _matrix_cut(scores, pattern.dropped(scores.numel()), generator)
    keep, group = _keep_of_group(pattern, scores.shape[-1])
    blocks = scores.unflatten(-1, (-1, group))
    return _top(blocks, keep, generator).flatten(-2)


@dataclass(frozen=True)
class Ties:
    """How many blocks (N:M) or entries (P%) of a weight a tie decided, out of how many."""

    tied: int
    count: int

    @property
    def share(self) -> float:
        """0..1; 0 when there is nothing to count."""
        return self.tied / self.count if self.count else 0.0

    def __add__(self, other: "Ties") -> "Ties":
        return Ties(self.tied + other.tied, self.count + other.count)


def count_ties(scores: Tensor, mask: Tensor, pattern: Pattern, over: str = "matrix") -> Ties:
    """Of scores and the mask that was made of them. N:M: blocks whose N-th and (N+1)-th largest
    scores are equal, and rows with over="row". P% of a matrix: entries at the cut, where some of
    them stay and others do not."""
    if pattern.is_dense:
        return Ties(0, scores.numel())
    if not pattern.is_grouped and over == "matrix":
        return Ties(_at_the_cut(scores, mask), scores.numel())
    keep, group = _keep_of_group(pattern, scores.shape[-1])
    blocks, kept = scores.unflatten(-1, (-1, group)), mask.unflatten(-1, (-1, group))
    count = blocks[..., 0].numel()
    if not 0 < keep < group:
        return Ties(0, count)
    if kernels.fits_scores(blocks):
        return Ties(tied_blocks(blocks, kept), count)
    tied = _smallest(blocks, kept, (-1,)) == _largest(blocks, ~kept, (-1,))
    return Ties(int(tied.count_nonzero()), count)


def _at_the_cut(scores: Tensor, mask: Tensor) -> int:
    """Entries that equal the smallest that is kept, where one that is dropped does too."""
    cut, below = _smallest(scores, mask, (-2, -1)), _largest(scores, ~mask, (-2, -1))
    return int((scores == cut).count_nonzero()) if bool(cut == below) else 0


def _smallest(scores: Tensor, mask: Tensor, dims: tuple[int, ...]) -> Tensor:
    return torch.where(mask, scores, torch.inf).amin(dims)


def _largest(scores: Tensor, mask: Tensor, dims: tuple[int, ...]) -> Tensor:
    return torch.where(mask, scores, -torch.inf).amax(dims)


def _keep_of_group(pattern: Pattern, d_in: int) -> tuple[int, int]:
    """P% a token is N:M with the whole token as its one group."""
    if pattern.group is not None:
        return int(pattern.keep or 0), pattern.group
    return d_in - pattern.dropped(d_in), d_in


def _top(blocks: Tensor, keep: int, generator: torch.Generator | None = None) -> Tensor:
    """The `keep` largest of the last dimension, as a mask of the same shape."""
    if keep == blocks.shape[-1]:
        return torch.ones_like(blocks, dtype=torch.bool)
    if generator is not None:
        blocks = _drawn(blocks, keep, generator)
    if kernels.fits_scores(blocks):
        return kernels.keep_mask(blocks, keep, blocks.shape[-1])
    return top_in_torch(blocks, keep)


def top_in_torch(blocks: Tensor, keep: int) -> Tensor:
    """The same without the compiled path: the reference, and what other devices use."""
    if blocks.isnan().any():
        raise not_finite()
    cut = nth_largest(blocks, keep)
    above, tied = blocks > cut, blocks == cut
    room = keep - above.sum(-1, keepdim=True)  # places left for entries that equal the cut
    if bool((tied.sum(-1, keepdim=True) == room).all()):
        return above | tied
    return above | (tied & (tied.cumsum(-1) <= room))


def _drawn(blocks: Tensor, keep: int, generator: torch.Generator) -> Tensor:
    """Scores that rank as those of blocks [..., M] do, but for the entries that tie at the cut,
    which are in a random order: 2 above it, 0 to 1 at it, -1 below."""
    if blocks.isnan().any():
        raise not_finite()
    cut = nth_largest(blocks, keep)
    places = torch.rand(blocks.shape, generator=generator).to(blocks.device)
    return torch.where(blocks > cut, 2.0, torch.where(blocks == cut, places, -1.0))


def _matrix_cut(scores: Tensor, dropped: int, generator: torch.Generator | None) -> Tensor:
    if bool(scores.isnan().any()):
        raise not_finite()
    if dropped == 0:
        return torch.ones_like(scores, dtype=torch.bool)
    flat = scores.flatten()
    mask = flat > (cut := _kth_smallest(flat, dropped))
    tied = (flat == cut).nonzero().flatten()
    if generator is not None:
        tied = tied[torch.randperm(len(tied), generator=generator).to(tied.device)]
    mask[tied[: len(flat) - dropped - int(mask.count_nonzero())]] = True
    return mask.view_as(scores)


def _kth_smallest(flat: Tensor, k: int) -> Tensor:
    """As `kthvalue`; numpy takes half its time."""
    if flat.device.type != "cpu" or flat.dtype not in (torch.float32, torch.float64):
        return flat.kthvalue(k).values
    return flat.new_tensor(np.partition(flat.detach().numpy(), k - 1)[k - 1])
