"""Errors of layers from a sample of tokens: which are drawn, and what they say of all of them.

A token is drawn the likelier the larger its dense output is, since the error of a layer is pooled
over squares: the few tokens with outputs a hundred times larger than the others decide it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ONE_OF = 32
"""Of so many tokens one is drawn."""
SAMPLE_IN_WORDS = f"from one of {ONE_OF} tokens, drawn by the size of their dense outputs"
EVEN = 0.1
"""The part of the chance to be drawn that is the same for all: a token of small output may still
have a large error."""


@dataclass(frozen=True)
class Rows:
    """Tokens of one call of a layer, drawn independently, so that one may be there twice."""

    index: Tensor  # int64 [drawn], among all tokens of the call
    x: Tensor  # [drawn, d_in]
    y: Tensor  # [drawn, d_out], the dense output
    stands_for: Tensor  # float64 [drawn]: how many tokens each stands for
    drawn: bool  # False where they are all there are: nothing is left to chance


def draw(x: Tensor, y: Tensor, squares: Tensor, seed: str) -> Rows:
    """Rows of a call with inputs x [..., d_in] and dense outputs y [..., d_out], whose squares
    ||y||^2 are [...]; the same for the same seed."""
    flat, outputs, sizes = x.flatten(0, -2), y.flatten(0, -2), squares.flatten().double()
    count = len(flat)
    wanted = -(-count // ONE_OF)
    if wanted >= count:
        each = torch.arange(count, device=x.device)
        return Rows(each, flat, outputs, torch.ones_like(sizes), drawn=False)
    whole = sizes.sum()
    even = torch.full_like(sizes, 1 / count)
    chance = EVEN * even + (1 - EVEN) * sizes / whole if whole > 0 else even
    generator = torch.Generator().manual_seed(_number(seed))
    index = torch.multinomial(chance.cpu(), wanted, replacement=True, generator=generator)
    index = index.to(x.device)
    return Rows(index, flat[index], outputs[index], 1 / (wanted * chance[index]), drawn=True)


def joined(calls: Sequence[Rows]) -> Rows:
    """Rows of several calls, one behind the other, for what is worked out of each alone."""
    parts = ([one.index, one.x, one.y, one.stands_for] for one in calls)
    index, x, y, stands_for = map(torch.cat, zip(*parts, strict=True))
    return Rows(index, x, y, stands_for, drawn=any(one.drawn for one in calls))


Estimate = tuple[float, float]
"""||error||^2 over all tokens of a call, and the variance of that estimate."""


def estimate(rows: Rows, lost: Tensor) -> Estimate:
    """What the error of the rows, [drawn, d_out], says of all tokens of the call.

    The estimator of Hansen and Hurwitz (1943) for draws with unequal chances: each row's square is
    weighted with how many tokens it stands for.
    """
    return estimates(rows, lost[None])[0]


def estimates(rows: Rows, lost: Tensor) -> list[Estimate]:
    """The same of several experiments at once, [experiments, drawn, d_out]."""
    each = torch.linalg.vecdot(lost, lost).double() * rows.stands_for
    count = each.shape[-1]
    varies = rows.drawn and count > 1
    spread = each.var(-1) * count if varies else each.new_zeros(len(each))
    return list(zip(each.sum(-1).tolist(), spread.tolist(), strict=True))


def _number(seed: str) -> int:
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7], "big")
