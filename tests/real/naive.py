"""The same quantities written the plain way, to hold the engine against.

Masks by topk and scatter in forward hooks, perplexity by cross entropy: nothing of nmviz.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


def keep_n_of_m(x: Tensor, n: int, m: int) -> Tensor:
    """Zero all but the N largest of every M consecutive entries of the last dimension."""
    blocks = x.reshape(-1, m)
    top = blocks.abs().topk(n, dim=-1).indices
    return torch.zeros_like(blocks).scatter(-1, top, blocks.gather(-1, top)).view_as(x)


def layers(model: Any, blocks: list[int]) -> dict[str, nn.Linear]:
    """The linear layers of those blocks by module path."""
    return {
        f"model.layers.{b}.{name}": layer
        for b in blocks
        for name, layer in model.model.layers[b].named_modules()
        if isinstance(layer, nn.Linear)
    }


@contextmanager
def hooked(model: Any, blocks: list[int], n: int, m: int) -> Iterator[None]:
    """Inside, the inputs of those blocks' linear layers are pruned."""
    prune: Callable[..., Any] = lambda _, args: (keep_n_of_m(args[0], n, m),)  # noqa: E731
    handles = [layer.register_forward_pre_hook(prune) for layer in layers(model, blocks).values()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def perplexity(model: Any, windows: Tensor) -> float:
    """exp of the mean loss over windows [count, window], in float64: the model's own loss is taken
    in fp32 and comes out 2e-5 too low."""
    losses = [
        cross_entropy(model(input_ids=ids[None]).logits[0, :-1].double(), ids[1:]).item()
        for ids in windows
    ]
    return math.exp(sum(losses) / len(losses))


@torch.no_grad()
def site_errors(model: Any, windows: Tensor, block: int, n: int, m: int) -> dict[str, float]:
    """||Y - Y_pruned|| / ||Y|| of every layer of a block on its dense input, over all windows."""
    sums = {name: [0.0, 0.0] for name in layers(model, [block])}
    handles = []
    for name, layer in layers(model, [block]).items():

        def add(module: Any, args: Any, y: Tensor, pair: list[float] = sums[name]) -> None:
            pruned = module.weight.double() @ keep_n_of_m(args[0], n, m)[0].double().T
            pair[0] += (y[0].double() - pruned.T).square().sum().item()
            pair[1] += y[0].double().square().sum().item()

        handles.append(layer.register_forward_hook(add))
    for ids in windows:
        model(input_ids=ids[None])
    for handle in handles:
        handle.remove()
    return {name: math.sqrt(error / whole) for name, (error, whole) in sums.items()}
