"""From per-token figures of the same windows, dense and pruned, to measurements with errors."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from nmviz.results import Measurement

FEWEST_WINDOWS = 8  # with fewer, the standard error comes from blocks of tokens
TOKENS_A_BLOCK = 64
TOKENS_AT_ONCE = 128  # bounds the [tokens, vocabulary] tensors of a comparison


@dataclass
class PairedTokens:
    """Figures of every predicted token; each list holds one float64 [window - 1] a window."""

    dense_nll: list[Tensor] = field(default_factory=list)
    nll: list[Tensor] = field(default_factory=list)
    kl: list[Tensor] = field(default_factory=list)
    agree: list[Tensor] = field(default_factory=list)

    def add(self, dense: Tensor, pruned: Tensor, ids: Tensor) -> None:
        """Logits [window, vocabulary] of both models over one window of ids [window]."""
        columns = zip(
            *(
                _compare(dense[low:high], pruned[low:high], ids[low + 1 : high + 1])
                for low, high in _chunks(len(ids) - 1)
            ),
            strict=True,
        )
        lists = (self.dense_nll, self.nll, self.kl, self.agree)
        for figures, column in zip(lists, columns, strict=True):
            figures.append(torch.cat(column).double().cpu())

    def measurements(self) -> tuple[Measurement, ...]:
        """perplexity, dense_perplexity, delta_nll, kl, top1_agreement over the windows so far."""
        if not self.nll:
            return ()
        nll, dense = torch.stack(self.nll), torch.stack(self.dense_nll)
        return (
            perplexity("perplexity", nll),
            perplexity("dense_perplexity", dense),
            mean("delta_nll", nll - dense),
            mean("kl", torch.stack(self.kl)),
            mean("top1_agreement", torch.stack(self.agree)),
        )


def token_nll(logits: Tensor, ids: Tensor) -> Tensor:
    """NLL in nats of each predicted token, float64 [window - 1]; logits [window, vocabulary]."""
    parts = [
        functional.cross_entropy(
            logits[low:high].float(), ids[low + 1 : high + 1], reduction="none"
        )
        for low, high in _chunks(len(ids) - 1)
    ]
    return torch.cat(parts).double().cpu()


def mean(metric: str, figures: Tensor) -> Measurement:
    """Mean over all tokens of figures [windows, tokens], with the standard error of the mean.

    The error comes from the spread of the windows' means, or with fewer than 8 windows of the means
    of blocks of 64 consecutive tokens (a remainder shorter than a block is left out of the error).
    """
    units, name = figures.mean(dim=1), "windows"
    if len(figures) < FEWEST_WINDOWS:
        flat = figures.flatten()
        whole = len(flat) // TOKENS_A_BLOCK * TOKENS_A_BLOCK
        units, name = flat[:whole].view(-1, TOKENS_A_BLOCK).mean(dim=1), "blocks of 64 tokens"
    stderr = (units.std() / len(units) ** 0.5).item() if len(units) > 1 else None
    value = figures.mean().item()
    return Measurement(metric=metric, value=value, stderr=stderr, n=len(units), unit_of_n=name)


def perplexity(metric: str, nll: Tensor) -> Measurement:
    """exp of the mean NLL [windows, tokens]; its standard error is that mean's times itself."""
    log = mean(metric, nll)
    value = torch.tensor(log.value, dtype=torch.float64).exp().item()
    stderr = None if log.stderr is None else log.stderr * value
    return log.model_copy(update={"value": value, "stderr": stderr})


def _chunks(length: int) -> Sequence[tuple[int, int]]:
    starts = range(0, length, TOKENS_AT_ONCE)
    return [(low, min(low + TOKENS_AT_ONCE, length)) for low in starts]


def _compare(dense: Tensor, pruned: Tensor, next_ids: Tensor) -> tuple[Tensor, ...]:
    """Per token: NLL of both, KL(dense || pruned) and agreement of the most likely token."""
    log_p, log_q = dense.float().log_softmax(-1), pruned.float().log_softmax(-1)
    column = next_ids[:, None]
    kl = functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
    agree = (dense.argmax(-1) == pruned.argmax(-1)).double()
    return -log_p.gather(-1, column)[:, 0], -log_q.gather(-1, column)[:, 0], kl, agree
