"""Paired evaluation: the dense and the pruned models on the same windows, one window at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from nmviz.engine.loading import LoadedModel
from nmviz.engine.sites import Site, find_blocks, find_sites
from nmviz.engine.sparsify import Pruned, SiteForward, forwards, replaced
from nmviz.engine.statistics import PairedTokens, token_nll
from nmviz.results import BlockDrift, Measurement, SiteError

Check = Callable[[], None]


class Squares:
    """||error||^2 and ||reference||^2 by name, pooled over windows in float64."""

    def __init__(self) -> None:
        self._sums: dict[object, Tensor] = defaultdict(lambda: torch.zeros(2, dtype=torch.float64))

    def add(self, name: object, reference: Tensor, pruned: Tensor) -> None:
        error = (reference - pruned).square().sum(dtype=torch.float64)
        self._sums[name] += torch.stack([error, reference.square().sum(dtype=torch.float64)]).cpu()

    def ratio(self, name: object) -> float:
        """||error|| / ||reference||; 0 where both are 0."""
        error, reference = self._sums[name].tolist()
        return (error / reference) ** 0.5 if reference else float(error > 0)

    def __contains__(self, name: object) -> bool:
        return name in self._sums


class Comparison:
    """What one pruned model has shown so far, against the dense one."""

    def __init__(self, pruned: Pruned) -> None:
        self.pruned = pruned
        self.tokens = PairedTokens()
        self.local = Squares()  # by site, on the dense input
        self.propagated = Squares()  # by block number, at the block's output
        self._kept: dict[Site, list[int]] = defaultdict(lambda: [0, 0])  # ones, entries

    def watch(self, site: Site, x: Tensor, y: Tensor) -> None:
        """Compare a site's pruned output on its dense input x with its dense output y."""
        self.local.add(site, y, self.pruned.forward(site, x))
        for index, count in enumerate(self.pruned.kept_of(site, x)):
            self._kept[site][index] += count

    def measurements(self) -> tuple[Measurement, ...]:
        return self.tokens.measurements()

    def sites(self) -> tuple[SiteError, ...]:
        return tuple(
            SiteError(
                name=site.name,
                block=site.block,
                projection=site.projection,
                rel_error=self.local.ratio(site),
                kept=self._kept[site][0] / self._kept[site][1],
            )
            for site in self.pruned.sites
            if site in self.local
        )

    def drift(self, blocks: int) -> tuple[BlockDrift, ...]:
        numbers = [number for number in range(blocks) if number in self.propagated]
        return tuple(BlockDrift(block=n, drift=self.propagated.ratio(n)) for n in numbers)


def compare_window(
    loaded: LoadedModel, ids: Tensor, comparisons: Sequence[Comparison], check: Check
) -> Iterator[None]:
    """Run one window, ids int64 [window], dense and then under each comparison; a step a pass.

    The model's lock is held within a pass only, so that other work may go between two passes.
    """
    hidden: dict[int, Tensor] = {}
    observing = replaced(_observing(loaded.model, comparisons, check))
    with loaded.lock, observing, _block_outputs(loaded.model, hidden.__setitem__):
        dense = logits(loaded, ids)
    yield
    for comparison in comparisons:
        watch = partial(_add_drift, comparison.propagated, hidden)
        computing = replaced(forwards(comparison.pruned, check))
        with loaded.lock, computing, _block_outputs(loaded.model, watch):
            pruned = logits(loaded, ids)
        comparison.tokens.add(dense, pruned, ids.to(dense.device))
        yield


@torch.inference_mode()
def logits(loaded: LoadedModel, ids: Tensor) -> Tensor:
    """Logits [window, vocabulary] of ids int64 [window]."""
    return loaded.model(input_ids=ids[None].to(loaded.device), use_cache=False).logits[0]


def pruned_nll(loaded: LoadedModel, ids: Tensor, pruned: Pruned, check: Check) -> Tensor:
    """NLL of each predicted token of one window under a pruned model, float64 [window - 1]."""
    with loaded.lock, replaced(forwards(pruned, check)):
        return token_nll(logits(loaded, ids), ids.to(loaded.device))


def _observing(
    model: nn.Module, comparisons: Sequence[Comparison], check: Check
) -> dict[Site, SiteForward]:
    """Dense forwards that also compute every comparison's output on the same input."""
    watching: dict[Site, list[Comparison]] = {site: [] for site in find_sites(model)}
    for comparison in comparisons:
        for site in comparison.pruned.sites:
            watching[site].append(comparison)

    def forward(site: Site, watchers: list[Comparison], x: Tensor) -> Tensor:
        check()
        y = site.dense(x)
        for comparison in watchers:
            comparison.watch(site, x, y)
        return y

    return {site: partial(forward, site, watchers) for site, watchers in watching.items()}


@contextmanager
def _block_outputs(model: nn.Module, take: Callable[[int, Tensor], None]) -> Iterator[None]:
    """Give the hidden state after every block, [1, window, d_model], to `take(block, hidden)`."""

    def hook(number: int, module: nn.Module, inputs: object, output: Tensor | tuple) -> None:
        take(number, output[0] if isinstance(output, tuple) else output)

    _, blocks = find_blocks(model)
    handles = [block.register_forward_hook(partial(hook, n)) for n, block in enumerate(blocks)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _add_drift(squares: Squares, dense: dict[int, Tensor], number: int, hidden: Tensor) -> None:
    squares.add(number, dense[number], hidden)
