"""The shape of a decoder: its blocks, their linear layers and attention, the head."""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Layer:
    """Linear layers of one kind in a block, each W [d_out, d_in].

    A mixture holds `copies` of them, of which a token goes through `active`. The layer that
    chooses among the experts is not `prunable`.
    """

    name: str
    d_out: int
    d_in: int
    copies: int = 1
    active: int = 1
    prunable: bool = True

    @property
    def size(self) -> int:
        """Weights of one copy."""
        return self.d_out * self.d_in

    def read(self, tokens: int) -> int:
        """How many copies so many tokens read at most: each chooses its own experts."""
        return min(self.copies, self.active * tokens)


@dataclass(frozen=True)
class Attention:
    """`heads` queries of `head_dim` over `kv_heads` keys and values; `window` is how many tokens
    back it sees, its own among them, None for all."""

    heads: int
    kv_heads: int
    head_dim: int
    window: int | None = None

    def seen(self, context: int) -> int:
        """Keys that the last of so many tokens attends to."""
        return context if self.window is None else min(context, self.window)

    def pairs(self, tokens: int) -> int:
        """Pairs of query and key in a prompt, the causal half: T (T + 1) / 2 without a window."""
        near = self.seen(tokens)
        return near * (near + 1) // 2 + (tokens - near) * near


@dataclass(frozen=True)
class Block:
    """One block: its linear layers in the order they run, and its attention."""

    layers: tuple[Layer, ...]
    attention: Attention


@dataclass(frozen=True)
class Decoder:
    """A decoder by its shape. `source` says where the numbers are from; `positions` are learned
    embeddings of places, `tied` whether the head is the embedding once more."""

    id: str
    title: str
    source: str
    hidden: int
    vocabulary: int
    tied: bool
    blocks: tuple[Block, ...]
    positions: int = 0

    @cached_property
    def shapes(self) -> tuple[tuple[Block, tuple[int, ...]], ...]:
        """Each shape of block, with the numbers of the blocks that have it."""
        found: dict[Block, list[int]] = {}
        for number, block in enumerate(self.blocks):
            found.setdefault(block, []).append(number)
        return tuple((block, tuple(numbers)) for block, numbers in found.items())

    @property
    def block_parameters(self) -> int:
        """Weights of the linear layers of all blocks, all experts among them."""
        return sum(one.size * one.copies for block in self.blocks for one in block.layers)

    @property
    def embedding_parameters(self) -> int:
        """Rows for tokens and, where they are learned, for places."""
        return (self.vocabulary + self.positions) * self.hidden

    @property
    def head(self) -> Layer:
        """The layer that scores the vocabulary; it is never pruned here."""
        return Layer("lm_head", self.vocabulary, self.hidden, prunable=False)

    @property
    def widths(self) -> tuple[int, int]:
        """d_in and d_out by which models are compared: of the first product of the MLP."""
        layers = self.blocks[0].layers
        up = next(one for one in layers if one.name in ("up", "shared_up"))
        return up.d_in, up.d_out
