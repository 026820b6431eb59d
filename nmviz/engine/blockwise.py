"""The decoder blocks one after another over calibration windows, in the memory of one block."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nmviz.engine.loading import LoadedModel
from nmviz.engine.sites import Site, find_blocks, find_sites
from nmviz.engine.sparsify import SiteForward, replaced

Check = Callable[[], None]


class _Reached(Exception):
    """The first block was reached: nothing behind it needs to run."""


class Walk:
    """Hidden states of calibration windows [count, window] on their way through the blocks.

    `hidden` holds one [1, window, d_model] a window: the input of the block that comes next.
    """

    def __init__(self, loaded: LoadedModel, windows: Tensor, check: Check) -> None:
        self.loaded, self.check = loaded, check
        self.blocks: nn.ModuleList = find_blocks(loaded.model)[1]
        self.others = self._other_arguments(windows[0])
        self.hidden = [self._entering(ids) for ids in windows]

    def sites(self, block: int) -> list[Site]:
        """All sites of a block."""
        return [site for site in find_sites(self.loaded.model) if site.block == block]

    def output(self, block: int, hidden: Tensor) -> Tensor:
        """The block's output [1, window, d_model] as the model is now."""
        given = self.blocks[block](hidden, **self.others[block])
        return given[0] if isinstance(given, tuple) else given

    @torch.no_grad()
    def inputs(self, block: int) -> dict[Site, Tensor]:
        """Inputs [tokens, d_in] of every site of a block over all windows, the block dense."""
        seen: dict[Site, list[Tensor]] = {site: [] for site in self.sites(block)}

        def forward(site: Site, x: Tensor) -> Tensor:
            self.check()
            seen[site].append(x[0])
            return site.dense(x)

        watching: dict[Site, SiteForward] = {site: partial(forward, site) for site in seen}
        for hidden in self.hidden:
            with self.loaded.lock, replaced(watching):
                self.output(block, hidden)
        return _joined(seen)

    @torch.no_grad()
    def advance(self, block: int, computing: Mapping[Site, SiteForward]) -> None:
        """Send the hidden states through a block whose sites compute what is given."""
        for index, hidden in enumerate(self.hidden):
            self.check()
            with self.loaded.lock, replaced(computing):
                self.hidden[index] = self.output(block, hidden)

    @torch.no_grad()
    def _other_arguments(self, ids: Tensor) -> list[dict[str, Any]]:
        """What every block is given beside the hidden state; the same for windows of one length."""
        given: list[dict[str, Any]] = []
        handles = [
            block.register_forward_pre_hook(
                lambda _, args, kwargs: given.append(dict(kwargs)), with_kwargs=True
            )
            for block in self.blocks
        ]
        with self.loaded.lock:
            try:
                self.loaded.model(input_ids=ids[None].to(self.loaded.device), use_cache=False)
            finally:
                for handle in handles:
                    handle.remove()
        return given

    @torch.no_grad()
    def _entering(self, ids: Tensor) -> Tensor:
        """The hidden state that enters the first block, [1, window, d_model]."""
        caught: list[Tensor] = []

        def catch(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            caught.append(args[0])
            raise _Reached

        self.check()
        with self.loaded.lock:
            handle = self.blocks[0].register_forward_pre_hook(catch)
            try:
                self.loaded.model(input_ids=ids[None].to(self.loaded.device), use_cache=False)
            except _Reached:
                pass
            finally:
                handle.remove()
        return caught[0]


def _joined(seen: Mapping[Site, list[Tensor]]) -> dict[Site, Tensor]:
    """One tensor a site; sites that were given the same inputs share it."""
    made: dict[int, Tensor] = {}
    for parts in seen.values():
        if parts[0].data_ptr() not in made:
            made[parts[0].data_ptr()] = torch.cat(parts)
    return {site: made[parts[0].data_ptr()] for site, parts in seen.items()}
