"""From per-token figures of the same windows, dense and pruned, to measurements with errors."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from nmviz.core.results import Measurement
from nmviz.engine.load.refusals import not_finite
from nmviz.engine.measure import rows
from nmviz.engine.measure.flips import Gathered, Predictions

FEWEST_WINDOWS = 8  # with fewer, the standard error comes from blocks of tokens
TOKENS_A_BLOCK = 64
TOKENS_AT_ONCE = 8  # bounds the [tokens, vocabulary] tensors of a comparison: they fit the cache


@dataclass(frozen=True)
class DenseTokens:
    """What the dense logits of one window say, for comparing any number of pruned ones."""

    logits: Tensor  # [window, vocabulary]
    log_total: Tensor  # logsumexp of each row, float64 [window]; float32 where not compiled
    nll: Tensor  # float64 [window - 1]
    best: Tensor  # the most likely token of each row, int64 [window]
    sure: Tensor  # its probability, float64 [window]

    @classmethod
    def of(cls, logits: Tensor, ids: Tensor) -> "DenseTokens":
        """Logits [window, vocabulary] of ids [window]. UserError where they are not finite."""
        log_total, best = rows.totals(logits) if rows.fits(logits) else _totals(logits)
        top = logits.gather(-1, best[:, None])[:, 0].double()
        sure = (top - log_total).exp().clamp(max=1).cpu()
        return cls(logits, log_total, _nll(logits, log_total, ids), best, sure)

    def counted(self, first: int) -> Predictions:
        """Predictions first..window-1."""
        here = slice(first, -1)
        return Predictions(self.logits[here], self.log_total[here], self.best[here])


@dataclass
class PairedTokens:
    """Figures of every token that counts; each list holds one float64 [counted] a window. The
    largest flips among them are kept where `flips` gathers them."""

    dense_nll: list[Tensor] = field(default_factory=list)
    nll: list[Tensor] = field(default_factory=list)
    kl: list[Tensor] = field(default_factory=list)
    agree: list[Tensor] = field(default_factory=list)
    sure: list[Tensor] = field(default_factory=list)  # of the dense model, of its likeliest token
    flips: Gathered | None = None

    def add(self, dense: DenseTokens, pruned: Tensor, ids: Tensor, uncounted: int = 0) -> None:
        """Logits [window, vocabulary] of the pruned model over the dense one's window of ids, of
        whose window-1 predictions so many first ones do not count.

        UserError where they are not finite: then nothing of them is added.
        """
        exact, right = dense.counted(uncounted), ids[uncounted + 1 :]
        other, kl = _beside(exact, pruned[uncounted:-1])
        nll = other.log_total - other.logits.gather(-1, right[:, None])[:, 0]
        columns = [one.double().cpu() for one in (nll, kl, other.best == exact.best)]
        if not all(bool(column.isfinite().all()) for column in columns):
            raise not_finite("measured", "The pruned model's")
        self.dense_nll.append(dense.nll[uncounted:])
        self.sure.append(dense.sure[uncounted:-1])
        for figures, column in zip((self.nll, self.kl, self.agree), columns, strict=True):
            figures.append(column)
        if self.flips is not None:
            self.flips.add(exact, other, columns[1], right, uncounted)

    def cost(self) -> Measurement:
        """delta_nll over the windows so far, of which there is at least one."""
        return mean("delta_nll", self._differences())

    def divergence(self) -> Measurement:
        """kl over the windows so far, of which there is at least one."""
        return mean("kl", self.kl)

    def unit_costs(self) -> tuple[float, ...]:
        """delta_nll of each unit behind its standard error, in the order of the text."""
        return tuple(units_of(self._differences())[0].tolist()) if self.nll else ()

    def _differences(self) -> list[Tensor]:
        return [one - dense for one, dense in zip(self.nll, self.dense_nll, strict=True)]

    def measurements(self) -> tuple[Measurement, ...]:
        """perplexity, dense_perplexity, delta_nll, kl, top1_agreement over the windows so far."""
        if not self.nll:
            return ()
        return (
            perplexity("perplexity", self.nll),
            perplexity("dense_perplexity", self.dense_nll),
            self.cost(),
            self.divergence(),
            mean("top1_agreement", self.agree),
        )


def mean_over(draws: Sequence[PairedTokens]) -> PairedTokens:
    """Figures of every token as their means over draws that read the same windows."""
    if len(draws) == 1:
        return draws[0]
    figures = {name: [getattr(one, name) for one in draws] for name in ("nll", "kl", "agree")}
    means: dict[str, Any] = {
        name: [torch.stack(one).mean(0) for one in zip(*of, strict=True)]
        for name, of in figures.items()
    }
    return replace(draws[0], **means)


def _nll(logits: Tensor, log_total: Tensor, ids: Tensor) -> Tensor:
    right = logits[:-1].gather(-1, ids[1:, None])[:, 0].float()
    nll = (log_total[:-1] - right).double().cpu()
    if not bool(nll.isfinite().all()):
        raise not_finite("measured")
    return nll


def mean(metric: str, figures: Sequence[Tensor] | Tensor) -> Measurement:
    """Mean over all tokens of figures, one [tokens] a window, with the standard error of the mean.

    The error comes from the spread of the units' means.
    """
    units, name = units_of(figures)
    stderr = (units.std() / len(units) ** 0.5).item() if len(units) > 1 else None
    value = torch.cat(list(figures)).mean().item()
    return Measurement(metric=metric, value=value, stderr=stderr, n=len(units), unit_of_n=name)


def units_of(figures: Sequence[Tensor] | Tensor) -> tuple[Tensor, str]:
    """Means of windows, figures one [tokens] a window, or with fewer than 8 windows of blocks of 64
    consecutive tokens (a remainder shorter than a block is left out)."""
    if len(figures) >= FEWEST_WINDOWS:
        return torch.stack([one.mean() for one in figures]), "windows"
    flat = torch.cat(list(figures))
    whole = len(flat) // TOKENS_A_BLOCK * TOKENS_A_BLOCK
    return flat[:whole].view(-1, TOKENS_A_BLOCK).mean(dim=1), "blocks of 64 tokens"


def perplexity(metric: str, nll: Sequence[Tensor] | Tensor) -> Measurement:
    """exp of the mean NLL, one [tokens] a window; its error is that mean's times itself."""
    log = mean(metric, nll)
    value = torch.tensor(log.value, dtype=torch.float64).exp().item()
    stderr = None if log.stderr is None else log.stderr * value
    return log.model_copy(update={"value": value, "stderr": stderr})


def _beside(dense: Predictions, logits: Tensor) -> tuple[Predictions, Tensor]:
    """What the pruned model predicts, and KL(dense || pruned) of each token, in nats."""
    compare = rows.compared if rows.fits(dense.logits) and rows.fits(logits) else _compared
    log_total, kl, best = compare(dense.logits, dense.log_total, logits)
    return Predictions(logits, log_total, best), kl


def _chunks(length: int) -> Sequence[tuple[int, int]]:
    starts = range(0, length, TOKENS_AT_ONCE)
    return [(low, min(low + TOKENS_AT_ONCE, length)) for low in starts]


def _totals(logits: Tensor) -> tuple[Tensor, Tensor]:
    """As `rows.totals`, in torch."""
    parts = [_summary(logits[low:high].float()) for low, high in _chunks(len(logits))]
    log_total, best = (torch.cat(column) for column in zip(*parts, strict=True))
    return log_total, best


def _compared(dense: Tensor, log_total: Tensor, pruned: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As `rows.compared`, in torch."""
    parts = []
    for low, high in _chunks(len(dense)):
        z, other = dense[low:high].float(), pruned[low:high].float()
        total, best = _summary(other)
        p = (z - log_total[low:high, None]).exp_()
        parts.append((total, p.mul_(z - other).sum(-1) - log_total[low:high] + total, best))
    total, kl, best = (torch.cat(column) for column in zip(*parts, strict=True))
    return total, kl, best


def _summary(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Of each row [tokens, vocabulary] its logsumexp and its likeliest token, the first of
    equals."""
    best = logits.argmax(-1)
    top = logits.gather(-1, best[:, None])
    return (logits - top).exp_().sum(-1).log_() + top[:, 0], best
