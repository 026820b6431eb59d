"""One block of a model run alone: by the model itself, with the blocks before it standing in."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from nmviz.engine.load.blocks import find_blocks, standing_in
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site
from nmviz.engine.measure.dense import logits
from nmviz.engine.prune.sparsify import SiteForward, replaced


class _Reached(Exception):
    """The block has run: nothing behind it needs to."""


@torch.inference_mode()
def embedded(loaded: LoadedModel, ids: Tensor) -> Tensor:
    """What the embedding gives for ids int64 [windows, tokens]: [windows, tokens, d]."""
    with loaded.lock:
        found: Tensor = loaded.model.get_input_embeddings()(ids)
    return found


@torch.inference_mode()
def through(
    loaded: LoadedModel,
    block: int,
    ids: Tensor,
    entering: Tensor,
    hidden: Tensor | None,
    computing: Mapping[Site, SiteForward],
) -> Tensor:
    """What a block gives of a hidden state, both [windows, tokens, d_model], its sites computing
    that; the first block is given what the model makes of `entering`, the embedded ids.

    The model runs up to the block, so that masks and places are those that it gives each.
    """
    blocks = find_blocks(loaded.model)[1]
    before = {} if hidden is None else dict.fromkeys(blocks[:block], given(hidden))
    embedding = {loaded.model.get_input_embeddings(): given(entering)}
    others, computed = standing_in({**embedding, **before}), replaced(computing, len(ids))
    with loaded.lock, others, computed, _last(blocks[block]) as caught, suppress(_Reached):
        loaded.model(input_ids=ids, use_cache=False)
    return caught[0]


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


@contextmanager
def _last(block: nn.Module) -> Iterator[list[Tensor]]:
    """Inside, a pass ends behind the block, with what it gave in the list."""
    caught: list[Tensor] = []

    def catch(_module: nn.Module, _args: Any, output: Tensor) -> None:
        caught.append(output)
        raise _Reached

    handle = block.register_forward_hook(catch)
    try:
        yield caught
    finally:
        handle.remove()
