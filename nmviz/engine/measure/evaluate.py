"""Paired evaluation: dense and pruned models on the same windows, a few windows at a time."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from math import isnan

import torch
from torch import Tensor

from nmviz.core.results import BlockDrift, Measurement, SiteError
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site
from nmviz.engine.measure.dense import (
    Check,
    block_outputs,
    dense_pass,
    logits,
    skipped,
    square,
)
from nmviz.engine.measure.statistics import PairedTokens
from nmviz.engine.prune.sparsify import Pruned, forwards, replaced

TOKENS_AT_ONCE = 512  # windows are read together up to this many tokens: their pass fits the cache

__all__ = ["Comparison", "Squares", "at_once", "compare_windows", "logits"]


class Squares:
    """||error||^2 and ||reference||^2 by name, pooled over windows in float64."""

    def __init__(self) -> None:
        self._sums: dict[object, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, name: object, error: Tensor, reference: Tensor | float) -> None:
        """An error, and its reference or the square of that."""
        sums = self._sums[name]
        sums[0] += square(error)
        sums[1] += square(reference) if isinstance(reference, Tensor) else reference

    def ratio(self, name: object) -> float:
        """||error|| / ||reference||; 0 where both are 0, 1 where only the reference is."""
        error, reference = self._sums[name]
        if reference or isnan(error):
            return (error / reference) ** 0.5 if reference else error
        return float(error > 0)

    def reference(self, name: object) -> float:
        """||reference||^2."""
        return self._sums[name][1]

    def __contains__(self, name: object) -> bool:
        return name in self._sums


class Comparison:
    """What one pruned model has shown so far, against the dense one. One that is not `watched` is
    compared by its tokens alone, and not by layers and blocks."""

    def __init__(self, pruned: Pruned, watched: bool = True) -> None:
        self.pruned, self.watched = pruned, watched
        self.tokens = PairedTokens()
        self.local = Squares()  # by site, on the dense input
        self.propagated = Squares()  # by block number, at the block's output
        self._sites = frozenset(pruned.sites if watched else ())
        self._kept: dict[Site, list[int]] = defaultdict(lambda: [0, 0])  # ones, entries
        self._tokens: dict[Site, int] = defaultdict(int)

    def watch(self, site: Site, x: Tensor, square: float) -> None:
        """Compare a site's outputs on its dense input x; `square` is ||y||^2 of the dense one."""
        if site in self._sites:
            self.local.add(site, self.pruned.lost(site, x), square)
            self._tokens[site] += x.shape[:-1].numel()
            for index, count in enumerate(self.pruned.kept_of(site, x)):
                self._kept[site][index] += count

    @property
    def is_blank(self) -> bool:
        """Whether none of its sites has been given a token, so that nothing was pruned."""
        return bool(self._sites) and not self._tokens

    def measurements(self) -> tuple[Measurement, ...]:
        return self.tokens.measurements()

    def sites(self, calibrated: Mapping[str, int]) -> tuple[SiteError, ...]:
        """Every site that was given tokens; experts with how many, and on how many they were
        calibrated."""
        return tuple(
            SiteError(
                name=site.name,
                block=site.block,
                projection=site.projection,
                rel_error=self.local.ratio(site),
                kept=self._kept[site][0] / self._kept[site][1],
                square=self.local.reference(site) if site.is_expert else None,
                tokens=self._tokens[site] if site.is_expert else None,
                calibrated=calibrated.get(site.name),
            )
            for site in self.pruned.sites
            if site in self.local
        )

    def drift(self, blocks: int) -> tuple[BlockDrift, ...]:
        numbers = [number for number in range(blocks) if number in self.propagated]
        return tuple(BlockDrift(block=n, drift=self.propagated.ratio(n)) for n in numbers)


def at_once(windows: Tensor, alone: bool = False) -> Sequence[Tensor]:
    """Windows [count, tokens] in batches that fit the cache; each `alone` where an expert would be
    given the tokens of several windows together."""
    return windows.split(1 if alone else max(1, TOKENS_AT_ONCE // windows.shape[1]))


@torch.inference_mode()
def _watch_all(comparisons: Sequence[Comparison], site: Site, x: Tensor, square: float) -> None:
    for comparison in comparisons:
        comparison.watch(site, x, square)


def compare_windows(
    loaded: LoadedModel,
    text: str,
    ids: Tensor,
    uncounted: Sequence[int],
    comparisons: Sequence[Comparison],
    check: Check,
) -> Iterator[None]:
    """Run windows, ids int64 [windows, tokens], dense and under each comparison; a step a pass.

    `text` names the text they are of, `uncounted` the first predictions of each that do not count.
    Errors of sites and the drift are of all tokens. The model's lock is held within a pass only, so
    that other work may go between two passes.
    """
    dense = dense_pass(loaded, text, ids, partial(_watch_all, comparisons), check)
    yield
    for comparison in comparisons:
        drifted = partial(_add_drift, comparison.propagated, dense.hidden)
        early = skipped(loaded.model, dense, first_block(comparison.pruned))
        computing = replaced(forwards(comparison.pruned, check), len(ids))
        drift = block_outputs(loaded.model, drifted) if comparison.watched else nullcontext()
        with loaded.lock, early, computing, drift:
            pruned = logits(loaded, ids)
        each = zip(dense.tokens, pruned, ids, uncounted, strict=True)
        for of_dense, of_pruned, own, first in each:
            comparison.tokens.add(of_dense, of_pruned, own.to(pruned.device), first)
        yield


def first_block(pruned: Pruned) -> int:
    """The first block that is not as in the dense model."""
    return min((site.block for site in pruned.sites), default=0)


def _add_drift(
    squares: Squares, dense: dict[int, Tensor], number: int, hidden: Tensor, _alone: bool
) -> None:
    squares.add(number, dense[number] - hidden, dense[number])
