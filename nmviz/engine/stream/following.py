"""Whether the blocks of a model can be run one at a time, told by a short pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nmviz.base.errors import UserError
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.experts import all_experts

TOKENS = 32


@contextmanager
def without_padding(model: Any) -> Iterator[None]:
    """Inside, the config has no token of padding: some models look for it in the ids, which have no
    numbers in a pass without weights."""
    before = model.config.pad_token_id
    model.config.pad_token_id = None
    try:
        yield
    finally:
        model.config.pad_token_id = before


class _Call(NamedTuple):
    """What a block was given and gave."""

    block: int
    hidden: Any
    output: Any


def check_follows(model: Any, model_id: str) -> None:
    """UserError where a block hands on more than a hidden state, is not given the one that the
    block before it gave, or has weights that another has: then it does not do to have one of them
    in memory."""
    blocks = find_blocks(model)[1]
    met = [id(one) for block in blocks for one in block.parameters()]
    config = model.config.get_text_config(decoder=True)
    calls = _calls(model) if not getattr(config, "num_kv_shared_layers", 0) else []
    in_order = [call.block for call in calls] == list(range(len(blocks)))
    alone = all(isinstance(call.output, Tensor) for call in calls)
    follow = all(two.hidden is one.output for one, two in pairwise(calls))
    if not (in_order and alone and follow and len(met) == len(set(met))):
        raise UserError(
            f"The blocks of {model_id} do not simply follow one another, so it cannot be streamed: "
            "choose a smaller model or a larger machine."
        )


@torch.no_grad()
def _calls(model: Any) -> list[_Call]:
    """Every call of a block in one pass, in order; none where no pass runs without numbers."""
    entered: list[Any] = []
    made: list[_Call] = []

    def enter(_: nn.Module, args: Any, kwargs: Any) -> None:
        entered.append(args[0] if args else kwargs.get("hidden_states"))

    def leave(block: int, _: nn.Module, args: Any, output: Any) -> None:
        made.append(_Call(block, entered[len(made)], output))

    handles = []
    for number, block in enumerate(find_blocks(model)[1]):
        handles.append(block.register_forward_pre_hook(enter, with_kwargs=True))
        handles.append(block.register_forward_hook(partial(leave, number)))
    device = model.get_input_embeddings().weight.device
    ids = torch.zeros((1, TOKENS), dtype=torch.int64, device=device)
    try:
        with all_experts(model):
            model(input_ids=ids, use_cache=True)  # without one transformers reads the positions
    except Exception:  # any line of an architecture may ask for a number
        return []
    finally:
        for handle in handles:
            handle.remove()
    return made
