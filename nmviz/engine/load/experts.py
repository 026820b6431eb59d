"""A way to run experts where there are no numbers to route by: all of them, with all tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS

ALL = "nmviz_all"
_SHARING: ContextVar[dict[int, int]] = ContextVar("sharing")


@contextmanager
def all_experts(model: Any) -> Iterator[dict[int, int]]:
    """Inside, a model without weights runs every expert; those of classes that transformers lets
    nobody run otherwise are run as ever. Gives what is filled in the pass: how many experts share
    the tokens of a parameter, by its id."""
    before = model.get_experts_implementation()
    model.set_experts_implementation(ALL)
    sharing: dict[int, int] = {}
    token = _SHARING.set(sharing)
    try:
        yield sharing
    finally:
        _SHARING.reset(token)
        model.set_experts_implementation(before)


def _all(experts: Any, x: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    """x [tokens, d_model] and the chosen experts [tokens, k]: every expert multiplies tokens x k
    rows, of which it would be given its share; outputs are of no use."""
    transposed = experts.is_transposed
    for matrices in experts.parameters(recurse=False):
        if matrices.dim() == 3:  # [experts, d_out, d_in], or the other way round
            factor = matrices if transposed else matrices.mT
            torch.bmm(x.new_empty(len(factor), chosen.numel(), factor.shape[1]), factor)
            _SHARING.get()[id(matrices)] = len(factor)
    return torch.empty_like(x)


ALL_EXPERTS_FUNCTIONS.register(ALL, _all)
