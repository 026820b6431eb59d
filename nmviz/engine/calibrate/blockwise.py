"""The decoder blocks one after another over calibration windows, in the memory of one block."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nmviz.base.errors import UserError
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.prune.sparsify import SiteForward, replaced

Check = Callable[[], None]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class _BlockCall(NamedTuple):
    """One call of a block: hidden states [1, window, d_model] before and behind it, and its other
    arguments."""

    block: int
    hidden: Tensor
    others: Arguments
    output: Tensor


class _Reached(Exception):
    """What is looked for was reached: nothing behind it needs to run."""


class Walk:
    """Hidden states of calibration windows [count, window] on their way through the blocks.

    `hidden` holds one [1, window, d_model] a window: the input of the block that comes next.
    """

    def __init__(self, loaded: LoadedModel, windows: Tensor, check: Check) -> None:
        self.loaded, self.check = loaded, check
        self.blocks = find_blocks(loaded.model)[1]
        self.others = self._same_for_all(windows)
        self.hidden = [self._entering(ids) for ids in windows]

    def held(self, block: int) -> AbstractContextManager[None]:
        """Around all that is done with a block: its weights are there."""
        return nullcontext()

    def sites(self, block: int) -> list[Site]:
        """All sites of a block."""
        return [site for site in find_sites(self.loaded.model) if site.block == block]

    def output(self, block: int, hidden: Tensor) -> Tensor:
        """The block's output [1, window, d_model] as the model is now; of one that no pass calls
        its input."""
        others = self.others.get(block)
        if others is None:
            return hidden
        args, kwargs = others
        return _first(self.blocks[block](hidden, *args, **kwargs))

    @torch.no_grad()
    def dense(
        self, block: int, count: int | None = None, to_the_end: bool = True
    ) -> tuple[dict[Site, Tensor], list[Tensor]]:
        """One pass over all windows, the block dense: the inputs of every site of it on the first
        `count` windows, and its output [1, window, d_model] for every window; without `to_the_end`
        of the first window only, and what comes after the last input is not worked out.

        Inputs are [windows, tokens, d_in], or [1, tokens, d_in] of a site that is not given as many
        of each window, as an expert; one that is given none is not among them.
        """
        seen: dict[Site, list[Tensor]] = {site: [] for site in self.sites(block)}
        wanted = len(self.hidden) if count is None else count

        calls: list[Site] = []
        once: list[Site] = []  # the sites in order, where the first window met each of them once

        def forward(site: Site, x: Tensor) -> Tensor:
            self.check()
            if number < wanted:
                seen[site].append(x.reshape(1, -1, site.d_in))
            calls.append(site)
            if calls == once and not to_the_end:
                raise _Reached
            return site.dense(x)

        watching: dict[Site, SiteForward] = {site: partial(forward, site) for site in seen}
        outputs = []
        for number, hidden in enumerate(self.hidden):
            calls.clear()
            with self.loaded.lock, replaced(watching), suppress(_Reached):
                outputs.append(self.output(block, hidden))
            if number == 0 and len(calls) == len(seen) == len(set(calls)):
                once = list(calls)
        return _joined(seen), outputs

    @torch.no_grad()
    def advance(self, block: int, computing: Mapping[Site, SiteForward]) -> None:
        """Send the hidden states through a block whose sites compute what is given."""
        for index, hidden in enumerate(self.hidden):
            self.check()
            with self.loaded.lock, replaced(computing):
                self.hidden[index] = self.output(block, hidden)

    def _same_for_all(self, windows: Tensor) -> dict[int, Arguments]:
        """The blocks' other arguments. UserError where they change with the text (Gemma 3n), and
        where a block is not given what the one before it gives, so that they cannot be walked."""
        calls = self._calls(windows[0])
        last = self._calls(windows[-1]) if len(windows) > 1 else calls
        of_both = ([call.others for call in made] for made in (calls, last))
        pairs = zip(*map(_tensors, of_both), strict=True)
        if not all(torch.equal(one, other) for one, other in pairs):
            raise UserError(
                "The blocks of this model read more of the text than the hidden state: choose "
                "methods that need no calibration."
            )
        numbers = [call.block for call in calls]
        follow = all(torch.equal(one.output, two.hidden) for one, two in pairwise(calls))
        if numbers != sorted(set(numbers)) or not follow:
            raise UserError(
                "The blocks of this model do not simply follow one another, so nothing can be "
                "calibrated block by block: choose methods that need no calibration."
            )
        return {call.block: call.others for call in calls}

    @torch.no_grad()
    def _calls(self, ids: Tensor) -> list["_BlockCall"]:
        """Every call of a block in one pass, in order."""
        entering: list[Tensor] = []
        made: list[_BlockCall] = []

        def enter(_: object, args: Any) -> None:
            hidden = args[0] if args else torch.empty(0)  # by name: no block here does that
            entering.append(hidden.clone())  # some add to it in place

        def leave(block: int, _: object, args: Any, kwargs: Any, output: Any) -> None:
            others = args[1:], dict(kwargs)
            made.append(_BlockCall(block, entering[len(made)], others, _first(output).clone()))

        with ExitStack() as watching:
            for number, block in enumerate(self.blocks):
                watching.callback(block.register_forward_pre_hook(enter).remove)
                hook = block.register_forward_hook(partial(leave, number), with_kwargs=True)
                watching.callback(hook.remove)
            watching.enter_context(self.loaded.lock)
            self.loaded.model(input_ids=ids[None].to(self.loaded.device), use_cache=False)
        return made

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


def _first(output: Any) -> Tensor:
    """The hidden state of what a block gives."""
    return output[0] if isinstance(output, tuple | list) else output


def _tensors(value: object) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors(part)


def _joined(seen: Mapping[Site, list[Tensor]]) -> dict[Site, Tensor]:
    """One tensor a site that was called; sites that were given the same inputs share it."""
    made: dict[tuple[int, ...], Tensor] = {}
    joined: dict[Site, Tensor] = {}
    for site, parts in seen.items():
        known = tuple(part.data_ptr() for part in parts)
        if parts and known not in made:
            even = len({part.shape for part in parts}) == 1
            made[known] = torch.cat(parts, 0 if even else 1)
        if parts:
            joined[site] = made[known]
    return joined
