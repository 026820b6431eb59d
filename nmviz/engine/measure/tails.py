"""From figures of tokens to their tails: quantiles, counts, means by the dense model's confidence.

Where ties are broken at random the tokens of all draws are taken together, each token once a draw:
a quantile is one of what a single draw does, and not of means over draws, which have shorter tails.
Units of errors are those of the mean (windows, with few of them blocks of 64 tokens), a token
counting there as the mean of its draws.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from nmviz.core.results import Measurement
from nmviz.core.tokenwise.tails import (
    EDGES,
    ENDS,
    FEWEST_BEYOND,
    OF_DELTA_P,
    OF_KL,
    SHARES,
    SURE,
    Sureness,
    TokenCounts,
)
from nmviz.engine.measure.statistics import PairedTokens, mean, units_of

ENDS_OF = {"kl": OF_KL, "delta_p": OF_DELTA_P}


@dataclass(frozen=True)
class Tails:
    """What the tokens of all draws say beyond their means."""

    measurements: tuple[Measurement, ...] = ()
    by_confidence: tuple[Sureness, ...] = ()
    counts: tuple[TokenCounts, ...] = ()


def tails_of(draws: Sequence[PairedTokens]) -> Tails:
    """The tails of draws that read the same windows; nothing where no window was read."""
    if not draws[0].nll:
        return Tails()
    figures = {
        "kl": [_stacked(draws, "kl", window) for window in range(len(draws[0].nll))],
        "delta_p": [_delta_p(draws, window) for window in range(len(draws[0].nll))],
    }
    return Tails(
        tuple(one for name, of in figures.items() for one in _tails(name, of)),
        tuple(_by_confidence(draws, figures["kl"], figures["delta_p"])),
        tuple(_counted(name, of) for name, of in figures.items()),
    )


def _stacked(draws: Sequence[PairedTokens], name: str, window: int) -> Tensor:
    """A figure of a window's tokens, float64 [draws, counted]."""
    return torch.stack([getattr(one, name)[window] for one in draws])


def _delta_p(draws: Sequence[PairedTokens], window: int) -> Tensor:
    """p_pruned - p_dense of the right tokens of a window, float64 [draws, counted]."""
    return _stacked(draws, "nll", window).neg().exp() - draws[0].dense_nll[window].neg().exp()


def _tails(name: str, windows: Sequence[Tensor]) -> Iterator[Measurement]:
    ordered = torch.cat([one.flatten() for one in windows]).sort().values.numpy()
    tokens = sum(one.shape[1] for one in windows)
    for end in ENDS_OF[name]:
        metric = f"{name}_{end}"
        if end == "mean":
            yield mean(metric, [one.mean(0) for one in windows])
        elif end == "rms":
            yield root_mean_square(metric, windows)
        elif end in ENDS:
            value = float(ordered[0 if end == "min" else -1])
            yield _without_error(metric, value, tokens, "it is of a single token")
        else:
            yield _quantile(metric, SHARES[end], ordered, tokens, windows)


def _quantile(
    metric: str, share: float, ordered: np.ndarray, tokens: int, windows: Sequence[Tensor]
) -> Measurement:
    """A quantile of sorted figures [tokens of all draws], and how far other text would move it.

    The error is Woodruff's (1952): the share of tokens at or below the quantile is a mean, whose
    standard error comes from the spread of the units like that of any other mean, and the quantiles
    at the share less and plus that error lie two standard errors apart. It needs no random numbers
    and holds where neighbouring tokens go together; the jackknife does not settle for a quantile,
    however long the text.
    """
    value = _at(ordered, share)
    beyond = round(min(share, 1 - share) * tokens, 6)
    if beyond < FEWEST_BEYOND:
        reason = f"{beyond:.1f} tokens lie beyond it, and an error takes {FEWEST_BEYOND}"
        return _without_error(metric, value, tokens, reason)
    below = mean(metric, [(one <= value).double().mean(0) for one in windows])
    stderr = None
    if below.stderr is not None:
        low, high = (_at(ordered, share + sign * below.stderr) for sign in (-1, 1))
        stderr = (high - low) / 2
    return below.model_copy(update={"value": value, "stderr": stderr})


def _at(ordered: np.ndarray, share: float) -> float:
    """The quantile at a share of 0..1, linear between the two nearest; the ends beyond."""
    place = min(max(share, 0.0), 1.0) * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


def _without_error(metric: str, value: float, tokens: int, reason: str) -> Measurement:
    return Measurement(metric=metric, value=value, n=tokens, unit_of_n="tokens", no_stderr=reason)


def root_mean_square(metric: str, windows: Sequence[Tensor]) -> Measurement:
    """Root of the mean square of figures [draws, tokens] a window; its error is that of the mean
    square over twice the root (delta method)."""
    square = mean(metric, [one.square().mean(0) for one in windows])
    value = square.value**0.5
    stderr = None if square.stderr is None else square.stderr / (2 * value) if value else 0.0
    return square.model_copy(update={"value": value, "stderr": stderr})


def _counted(name: str, windows: Sequence[Tensor]) -> TokenCounts:
    """KL of less than 0, which is rounding, counts as 0."""
    edges = np.array(EDGES[name])
    figures = torch.cat([one.flatten() for one in windows]).numpy()
    inside = np.clip(figures, edges[0], np.nextafter(edges[-1], edges[0]))
    bins = np.searchsorted(edges, inside, side="right") - 1
    counts = np.bincount(bins, minlength=len(edges) - 1)
    return TokenCounts(metric=name, counts=tuple(int(one) for one in counts))


def _by_confidence(
    draws: Sequence[PairedTokens], kl: Sequence[Tensor], delta_p: Sequence[Tensor]
) -> Iterator[Sureness]:
    sure = draws[0].sure
    agree = [_stacked(draws, "agree", window) for window in range(len(kl))]
    squares = [one.square() for one in delta_p]
    for low, high in pairwise(SURE):
        last = high == SURE[-1]
        inside = [(one >= low) & ((one <= high) if last else (one < high)) for one in sure]
        n = int(sum(one.sum() for one in inside))
        told: dict[str, float | None] = {"low": low, "high": high, "n": n}
        if n:
            told |= _mean_inside("kl", kl, inside, n)
            told |= _mean_inside("top1_agreement", agree, inside, n)
            told |= _root(_mean_inside("delta_p_rms", squares, inside, n), "delta_p_rms")
        yield Sureness.model_validate(told)


def _mean_inside(
    name: str, figures: Sequence[Tensor], inside: Sequence[Tensor], n: int
) -> dict[str, float | None]:
    """Mean over the tokens inside and its standard error, that of a ratio: units differ in how many
    tokens they have inside. None where a single unit has any, or fewer than ten tokens are."""
    pairs = list(zip(figures, inside, strict=True))
    value = sum(float(one.mean(0)[which].sum()) for one, which in pairs) / n
    off = units_of([(one.mean(0) - value) * which for one, which in pairs])[0]
    held = units_of([which.double() for which in inside])[0]
    if n < FEWEST_BEYOND or int((held > 0).sum()) < 2:
        return {name: value, f"{name}_stderr": None}
    spread = (off - off.mean()).square().sum() / (len(off) - 1) / len(off)
    return {name: value, f"{name}_stderr": float(spread.sqrt() / held.mean())}


def _root(square: dict[str, float | None], name: str) -> dict[str, float | None]:
    value, stderr = (square[name] or 0.0) ** 0.5, square[f"{name}_stderr"]
    if stderr is not None:
        stderr = stderr / (2 * value) if value else 0.0
    return {name: value, f"{name}_stderr": stderr}
