"""Gathering flips while a text is read: the largest so far, a bounded number of rows of numbers."""

from dataclasses import dataclass

import torch
from torch import Tensor

from nmviz.core.tokenwise.flips import DIGITS, MOST, Flip, Flips

PLACES = ("window", "token", "right", "dense", "pruned")
SIZES = ("dense_before", "dense_after", "pruned_before", "pruned_after", "kl")
FALL = len(PLACES), len(PLACES) + 1
"""The columns of which the first less the second is the fall."""


@dataclass(frozen=True)
class Predictions:
    """What a model predicts at some tokens."""

    logits: Tensor  # [tokens, vocabulary]
    log_total: Tensor  # logsumexp of each row [tokens]
    best: Tensor  # the likeliest token of each row, int64 [tokens]

    def probability(self, rows: Tensor, words: Tensor) -> Tensor:
        """Of one word at each of these rows, float64 [rows]."""
        scores = self.logits[rows, words].double()
        return (scores - self.log_total[rows]).exp().clamp(max=1)


class Gathered:
    """The flips between two models so far, window by window."""

    def __init__(self) -> None:
        self._windows = self._n = self._total = self._lost = self._won = 0
        self._rows = torch.empty(0, len(PLACES) + len(SIZES), dtype=torch.float64)

    def add(
        self, dense: Predictions, pruned: Predictions, kl: Tensor, right: Tensor, first: int
    ) -> None:
        """Predictions `first` and on of the next window, prediction i being of its token i + 1:
        those of both models, KL(dense || pruned) in nats, float64 [tokens] on the CPU, and what
        stands there, int64 [tokens]."""
        rows = (dense.best != pruned.best).nonzero()[:, 0]
        words, stands = (dense.best[rows], pruned.best[rows]), right[rows]
        windows = torch.full_like(rows, self._windows)
        sizes = (model.probability(rows, word) for word in words for model in (dense, pruned))
        columns = (windows, rows + first + 1, stands, *words, *sizes, kl.to(rows.device)[rows])
        self._keep(torch.stack([one.double().cpu() for one in columns], dim=1))
        self._windows += 1
        self._n += len(right)
        self._total += len(rows)
        self._lost += int((words[0] == stands).sum())
        self._won += int((words[1] == stands).sum())

    def _keep(self, rows: Tensor) -> None:
        """The largest of those before and these; of equal ones those that come first."""
        known = torch.cat([self._rows, rows])
        order = (known[:, FALL[1]] - known[:, FALL[0]]).argsort(stable=True)
        self._rows = known[order[:MOST]]

    def told(self) -> Flips:
        """The flips of all windows so far, the largest first."""
        return Flips(
            n=self._n,
            total=self._total,
            right_to_wrong=self._lost,
            wrong_to_right=self._won,
            rows=tuple(map(_flip, self._rows.tolist())),
        )


def _flip(row: list[float]) -> Flip:
    places = dict(zip(PLACES, map(int, row), strict=False))
    kl = max(row[-1], 0.0)  # below 0 by rounding
    sizes = [float(f"{one:.{DIGITS}g}") for one in (*row[len(PLACES) : -1], kl)]
    return Flip(**places, **dict(zip(SIZES, sizes, strict=True)))
