"""Paired evaluation: dense and pruned models on the same windows, a few windows at a time."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nmviz.base.errors import UserError
from nmviz.core.results import BlockDrift, Measurement, SiteError
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.measure.dense import (
    Check,
    Need,
    SiteCall,
    block_outputs,
    dense_pass,
    logits,
    skipped,
)
from nmviz.engine.measure.flips import Gathered
from nmviz.engine.measure.noise import Floor, rough
from nmviz.engine.measure.squares import Squares
from nmviz.engine.measure.statistics import DenseTokens, PairedTokens
from nmviz.engine.prune.depth import OTHERS, passed_on
from nmviz.engine.prune.samples import Estimate, estimate, estimates, joined
from nmviz.engine.prune.sparsify import Pruned, SiteForward, forwards, replaced

Context = AbstractContextManager[object]
TOKENS_AT_ONCE = 512  # windows are read together up to this many tokens: their pass fits the cache

__all__ = ["Comparison", "Squares", "at_once", "compare_windows", "logits"]


class Comparison:
    """What one pruned model has shown so far, against the dense one. One that is not `watched` is
    compared by its tokens alone, and not by layers and blocks; `sampled` ones have the errors of
    layers from a sample of tokens. With a `floor` it is measured what rounding alone does to it."""

    def __init__(
        self, pruned: Pruned, watched: bool = True, sampled: bool = False, floor: bool = False
    ) -> None:
        self.pruned, self.watched, self.sampled = pruned, watched, sampled
        self.tokens = PairedTokens(flips=Gathered() if watched else None)
        self.floor = Floor("pruned") if floor else None
        self.local = Squares()  # by site, on the dense input
        self.propagated = Squares()  # by block number, at the block's output
        self._sites = frozenset(pruned.sites if watched else ())
        self._kept: dict[Site, list[int]] = defaultdict(lambda: [0, 0])  # ones, entries
        self._tokens: dict[Site, int] = defaultdict(int)

    def watch(self, site: Site, call: SiteCall, error: Estimate | None = None) -> None:
        """Compare a site's outputs on its dense input; `error` is what its sampled rows say, where
        that is worked out already."""
        if not self.watches(site):
            return
        x = self._add_sample(site, call, error) if self.sampled else self._add(site, call)
        self._tokens[site] += call.tokens
        for index, count in enumerate(self.pruned.kept_of(site, x)):
            self._kept[site][index] += count

    def watches(self, site: Site) -> bool:
        """Whether that site is compared."""
        return site in self._sites

    def _add(self, site: Site, call: SiteCall) -> Tensor:
        """Add the error of every token; returns the input that the mask is counted on."""
        assert call.x is not None
        self.local.add(site, self.pruned.lost(site, call.x), call.square)
        return call.x

    def dropped(self, site: Site, call: SiteCall) -> Tensor | None:
        """What is dropped of the sampled rows, where the weight is all that it meets."""
        if not self.sampled or not self.watches(site) or call.rows is None:
            return None
        return self.pruned.dropped_of_rows(site, call.rows, call.x)

    def _add_sample(self, site: Site, call: SiteCall, error: Estimate | None) -> Tensor:
        """The same of the rows that were drawn."""
        assert call.rows is not None
        if error is None:
            error = estimate(call.rows, self.pruned.lost_rows(site, call.rows, call.x))
        self.local.add_sample(site, call.rows, error, call.square)
        return call.rows.x if call.x is None else call.x

    @property
    def need(self) -> Need:
        """What it asks of the calls of a site."""
        if not self.sampled:
            return "all inputs"
        return "rows" if self.pruned.token_by_token else "rows of inputs"

    @property
    def is_blank(self) -> bool:
        """Whether none of its sites has been given a token, so that nothing was pruned."""
        return bool(self._sites) and not self._tokens

    def measurements(self) -> tuple[Measurement, ...]:
        return self.tokens.measurements()

    def sites(self, calibrated: Mapping[str, int]) -> tuple[SiteError, ...]:
        """Every site that was given tokens; experts with how many, and on how many they were
        calibrated."""
        of_sample = {site: self.local.uncertainty(site) for site in self._tokens}
        return tuple(
            SiteError(
                name=site.name,
                block=site.block,
                projection=site.projection,
                rel_error=self.local.ratio(site),
                stderr=of_sample[site][0],
                n=of_sample[site][1],
                kept=self._kept[site][0] / self._kept[site][1],
                square=self.local.reference(site) if site.is_expert else None,
                tokens=self._tokens[site] if site.is_expert else None,
                calibrated=calibrated.get(site.name),
            )
            for site in self.pruned.sites
            if site in self.local
        )

    def to_json(self) -> dict[str, Any]:
        """What its layers and blocks have shown so far, to go on from."""
        local = [[site.name, *sums] for site, *sums in self.local.to_json()]
        counted = {site.name: [*self._kept[site], count] for site, count in self._tokens.items()}
        return {"local": local, "propagated": self.propagated.to_json(), "counted": counted}

    def go_on(self, told: Mapping[str, Any]) -> None:
        """From what `to_json` gave."""
        sites = {site.name: site for site in self.pruned.sites}
        self.local.go_on(told["local"], sites)
        self.propagated.go_on(told["propagated"], {row[0]: row[0] for row in told["propagated"]})
        for name, (ones, entries, count) in told["counted"].items():
            self._kept[sites[name]], self._tokens[sites[name]] = [ones, entries], count

    def drift(self, blocks: int) -> tuple[BlockDrift, ...]:
        numbers = [number for number in range(blocks) if number in self.propagated]
        return tuple(BlockDrift(block=n, drift=self.propagated.ratio(n)) for n in numbers)


def at_once(windows: Tensor, alone: bool = False) -> Sequence[Tensor]:
    """Windows [count, tokens] in batches that fit the cache; each `alone` where an expert would be
    given the tokens of several windows together."""
    return windows.split(1 if alone else max(1, TOKENS_AT_ONCE // windows.shape[1]))


@torch.inference_mode()
def watch_all(comparisons: Sequence[Comparison], site: Site, call: SiteCall) -> None:
    """Compare a site's outputs under each of the comparisons."""
    errors = _errors_of_samples(comparisons, site, call)
    for comparison in comparisons:
        comparison.watch(site, call, errors.get(comparison))


@torch.inference_mode()
def watch_rows(comparisons: Sequence[Comparison], site: Site, calls: Sequence[SiteCall]) -> None:
    """As `watch_all` of each of the calls, where rows are all that is asked of them: a product of
    all rows a comparison, which reads its weight once."""
    each = [call.rows for call in calls if call.rows is not None]
    rows, counts = joined(each), [len(one.index) for one in each]
    for one in comparisons:
        if one.watches(site):
            lost = one.pruned.lost_rows(site, rows, None)
            for call, own, error in zip(calls, each, lost.split(counts), strict=True):
                one.watch(site, call, estimate(own, error))


def _errors_of_samples(
    comparisons: Sequence[Comparison], site: Site, call: SiteCall
) -> dict[Comparison, Estimate]:
    """What the sampled rows say of all comparisons that only drop inputs: one product of them all,
    which reads the weight once."""
    dropped = {one: rows for one in comparisons if (rows := one.dropped(site, call)) is not None}
    if not dropped or call.rows is None:
        return {}
    lost = functional.linear(torch.stack([*dropped.values()]), site.weight)
    return dict(zip(dropped, estimates(call.rows, lost), strict=True))


def need_of(comparisons: Sequence[Comparison]) -> Need:
    """What all of them together ask of the calls of a site."""
    needs = {one.need for one in comparisons if one.watched}
    order: tuple[Need, ...] = ("all inputs", "rows of inputs", "rows")
    return next((one for one in order if one in needs), "rows")


@dataclass(frozen=True)
class Batch:
    """Windows that are read together."""

    text: str  # names the text that they are of
    ids: Tensor  # int64 [windows, tokens]
    uncounted: Sequence[int]  # of each window the first predictions that do not count
    kept: bool = True  # whether the dense pass over them stays in memory for the next run


def compare_windows(
    loaded: LoadedModel,
    batch: Batch,
    comparisons: Sequence[Comparison],
    check: Check,
    floor: Floor | None = None,
) -> Iterator[None]:
    """Run windows dense and under each comparison; a step a pass, and a pass a draw of each floor,
    that of the dense model first.

    Errors of sites and the drift are of all tokens. The model's lock is held within a pass only, so
    that other work may go between two passes.
    """
    ids, watch = batch.ids, partial(watch_all, comparisons)
    need = need_of(comparisons)
    dense = dense_pass(loaded, batch.text, ids, watch, check, need, batch.kept)
    yield
    if floor is not None:
        yield from _add_floor(loaded, batch, floor, dense.tokens, {}, check)
    for comparison in comparisons:
        drifted = partial(_add_drift, comparison.propagated, dense.hidden)
        early = skipped(loaded.model, dense, first_block(comparison.pruned))
        drift = block_outputs(loaded.model, drifted) if comparison.watched else nullcontext()
        computed, left_out = forwards(comparison.pruned, check), comparison.pruned.left_out
        if left_out and not dense.alone:
            raise UserError(OTHERS)
        pruned = _logits_of(loaded, ids, computed, left_out, early, drift)
        add(comparison.tokens, dense.tokens, pruned, ids, batch.uncounted)
        exact = itself(pruned, ids) if comparison.floor else []
        del pruned  # [windows, tokens, vocabulary]: not beside the next one
        yield
        if comparison.floor is not None:
            floors = (comparison.floor, exact, computed, check, left_out)
            yield from _add_floor(loaded, batch, *floors)


def _logits_of(
    loaded: LoadedModel,
    ids: Tensor,
    computed: Mapping[Site, SiteForward],
    left_out: Sequence[int],
    early: Context,
    drift: Context,
) -> Tensor:
    computing, passing = replaced(computed, len(ids)), passed_on(loaded.model, left_out)
    with loaded.lock, early, computing, drift, passing:
        return logits(loaded, ids)


@torch.inference_mode()
def itself(scores: Tensor, ids: Tensor) -> list[DenseTokens]:
    """A model's logits as what others are compared with."""
    return [DenseTokens.of(one, own.to(one.device)) for one, own in zip(scores, ids, strict=True)]


def _add_floor(
    loaded: LoadedModel,
    batch: Batch,
    floor: Floor,
    exact: Sequence[DenseTokens],
    computed: Mapping[Site, SiteForward],
    check: Check,
    left_out: Sequence[int] = (),
) -> Iterator[None]:
    """Every draw of rounding errors on a model that computes that, whose logits are exact; a step a
    pass."""
    sites = find_sites(loaded.model)
    for number, tokens in enumerate(floor.draws):
        made = rough(sites, computed, batch.ids, number, check)
        scores = _logits_of(loaded, batch.ids, made, left_out, nullcontext(), nullcontext())
        add(tokens, exact, scores, batch.ids, batch.uncounted)
        del scores
        yield


def add(
    tokens: PairedTokens,
    exact: Sequence[DenseTokens],
    scores: Tensor,
    ids: Tensor,
    uncounted: Sequence[int],
) -> None:
    """Logits [windows, tokens, vocabulary] of a model beside those it is compared with."""
    for of_exact, one, own, first in zip(exact, scores, ids, uncounted, strict=True):
        tokens.add(of_exact, one, own.to(scores.device), first)


def first_block(pruned: Pruned) -> int:
    """The first block that is not as in the dense model."""
    return min((*(site.block for site in pruned.sites), *pruned.left_out), default=0)


def _add_drift(
    squares: Squares, dense: dict[int, Tensor], number: int, hidden: Tensor, _alone: bool
) -> None:
    squares.add(number, dense[number] - hidden, dense[number])
