"""One block of a model run alone: by the model itself, with the blocks before it standing in."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nmviz.engine.load.blocks import find_blocks, standing_in
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site
from nmviz.engine.measure.dense import logits
from nmviz.engine.prune.sparsify import SiteForward, replaced

HIDDEN = "hidden_states"
"""What transformers calls what a block is given."""


class _Reached(Exception):
    """The block has run: nothing behind it needs to."""


@torch.inference_mode()
def embedded(loaded: LoadedModel, ids: Tensor) -> Tensor:
    """What the embedding gives for ids int64 [windows, tokens]: [windows, tokens, d]."""
    with loaded.lock:
        found: Tensor = loaded.model.get_input_embeddings()(ids)
    return found


@dataclass(frozen=True)
class Call:
    """What the model gave a block with some windows, the same whatever hidden state they have."""

    hidden: Tensor  # [windows, tokens, d_model]
    places: tuple[Any, ...]  # whatever it is given beside that
    named: Mapping[str, Any]
    is_named: bool  # whether the hidden state is given by its name

    def of(self, hidden: Tensor | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the block is to be given with another hidden state, or with None the same: a copy,
        as some write to what they get."""
        given = (self.hidden if hidden is None else hidden).clone()
        if self.is_named:
            return self.places, {**self.named, HIDDEN: given}
        return (given, *self.places), dict(self.named)


@torch.inference_mode()
def through(
    loaded: LoadedModel,
    block: int,
    ids: Tensor,
    entering: Tensor,
    hidden: Tensor | None,
    computing: Mapping[Site, SiteForward],
) -> tuple[Tensor, Call]:
    """What a block gives of a hidden state, both [windows, tokens, d_model], its sites computing
    that, and how it was called; the first block is given what the model makes of `entering`, the
    embedded ids.

    The model runs up to the block, so that masks and places are those that it gives each.
    """
    blocks = find_blocks(loaded.model)[1]
    before = {} if hidden is None else dict.fromkeys(blocks[:block], given(hidden))
    embedding = {loaded.model.get_input_embeddings(): given(entering)}
    others, computed = standing_in({**embedding, **before}), replaced(computing, len(ids))
    with loaded.lock, others, computed, _last(blocks[block]) as caught, suppress(_Reached):
        loaded.model(input_ids=ids, use_cache=False)
    return caught.output, caught.call


@torch.inference_mode()
def again(
    loaded: LoadedModel,
    block: int,
    call: Call,
    hidden: Tensor | None,
    computing: Mapping[Site, SiteForward],
) -> Tensor:
    """As `through`, of windows that the block was called with before: nothing else of the model
    runs. With None the hidden state is that of the call."""
    places, named = call.of(hidden)
    with loaded.lock, replaced(computing, len(call.hidden)):
        output: Tensor = find_blocks(loaded.model)[1][block](*places, **named)
    return output


def scores(loaded: LoadedModel, ids: Tensor, entering: Tensor, hidden: Tensor) -> Tensor:
    """Logits [windows, tokens, vocabulary] of what the last block gave, [windows, tokens,
    d_model]."""
    blocks = find_blocks(loaded.model)[1]
    embedding = {loaded.model.get_input_embeddings(): given(entering)}
    with loaded.lock, standing_in({**embedding, **dict.fromkeys(blocks, given(hidden))}):
        return logits(loaded, ids)


def given(made: Tensor) -> Callable[..., Tensor]:
    """In place of a module: gives that, a copy each time, as some write to what they get."""
    return lambda *_args, **_named: made.clone()


@dataclass
class _Caught:
    call: Any = None
    output: Any = None


@contextmanager
def _last(block: nn.Module) -> Iterator[_Caught]:
    """Inside, a pass ends behind the block, with what it was given and gave in what is yielded."""
    caught = _Caught()

    def enter(_module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        others = {name: one for name, one in named.items() if name != HIDDEN}
        hidden, *places = args or (named[HIDDEN],)
        caught.call = Call(hidden.clone(), tuple(places), others, not args)

    def leave(_module: nn.Module, _args: Any, output: Tensor) -> None:
        caught.output = output
        raise _Reached

    handles = [
        block.register_forward_pre_hook(enter, with_kwargs=True),
        block.register_forward_hook(leave),
    ]
    try:
        yield caught
    finally:
        for handle in handles:
            handle.remove()
