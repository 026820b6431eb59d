"""How wide the seven projections of a Llama-like block are, from its config alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nmviz.methods.scopes import PROJECTIONS

Widths = Mapping[str, int]


@dataclass(frozen=True)
class Layer:
    """A matrix of a block, or all experts that keep theirs in one parameter. `uses` is how often a
    token is multiplied by one: of experts as often as it is routed to any."""

    projection: str
    block: int
    d_in: int
    d_out: int
    uses: float = 1.0


def uniform(d_in: Widths, d_out: Widths, blocks: int) -> tuple[Layer, ...]:
    """The layers of a model whose blocks are all alike."""
    each = [(name, d_in[name], d_out[name]) for name in d_in if name in d_out]
    return tuple(Layer(name, block, *sizes) for block in range(blocks) for name, *sizes in each)


def first_number(config: Mapping[str, Any], *names: str) -> int:
    """The first of these entries that is a whole number; 0 where none is."""
    values = [config.get(name) for name in names]
    return next((value for value in values if isinstance(value, int)), 0)


def widths(config: Mapping[str, Any]) -> tuple[Widths, Widths]:
    """d_in and d_out of the projections; empty when the config does not state the sizes."""
    hidden = first_number(config, "hidden_size")
    heads = first_number(config, "num_attention_heads")
    inner = first_number(config, "intermediate_size")
    if not (hidden and heads and inner):
        return {}, {}
    head = first_number(config, "head_dim") or hidden // heads
    groups = first_number(config, "num_key_value_heads") or heads
    return block_widths(hidden, heads * head, groups * head, inner)


def block_widths(hidden: int, queries: int, keys: int, inner: int) -> tuple[Widths, Widths]:
    """d_in and d_out of the projections: of the stream, all query heads, all key heads, the MLP."""
    d_in = {"o": queries, "down": inner}
    d_out = {"q": queries, "k": keys, "v": keys, "gate": inner, "up": inner}
    return (
        {name: d_in.get(name, hidden) for name in PROJECTIONS},
        {name: d_out.get(name, hidden) for name in PROJECTIONS},
    )
