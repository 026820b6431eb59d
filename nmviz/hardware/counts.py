"""Costs counted exactly from the shape of a model: multiply-adds and bytes, by layer and in all.

Each linear layer reads its weights once, its input once, and writes its output once; attention
reads queries, keys and values once and writes its output once, as a fused kernel does. Norms,
biases, activation functions and the rows of the embedding that are looked up are left out. What a
method adds is counted as it declares it beside its code: products with matrices, and numbers read.

Two things no shape tells: which experts several tokens choose, where the most that they can read is
taken, and which products two masks leave, where the masks are taken as independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nmviz.hardware.decoder import Attention, Block, Decoder, Layer
from nmviz.hardware.pruning import DENSE_LAYER, Kept, Masks, Pruning
from nmviz.hardware.work import Work
from nmviz.methods.costs import Added

PartName = Literal["blocks", "attention", "lm_head"]
PARTS: tuple[PartName, ...] = ("blocks", "attention", "lm_head")
KINDS = ("weights", "activations", "metadata", "kv_cache")
AT_MOST = "at most: every token may choose experts that no other token chose"
EXPECTED = "expected of two independent masks; which products or columns are left hangs on both"


@dataclass(frozen=True)
class Bytes:
    """Bytes that are moved, by kind: weights that are read, activations that are read and written,
    what says which entries were kept, keys and values that attention reads."""

    weights: int = 0
    activations: int = 0
    metadata: int = 0
    kv_cache: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.activations + self.metadata + self.kv_cache

    def __add__(self, other: "Bytes") -> "Bytes":
        return Bytes(
            self.weights + other.weights,
            self.activations + other.activations,
            self.metadata + other.metadata,
            self.kv_cache + other.kv_cache,
        )

    def __mul__(self, times: int) -> "Bytes":
        return Bytes(
            self.weights * times,
            self.activations * times,
            self.metadata * times,
            self.kv_cache * times,
        )


@dataclass(frozen=True)
class Cost:
    """One layer of the `blocks` that have it alike, or the head, which has none; the numbers are
    those of one block. `added` are those of the
    multiply-adds after pruning that its methods add, with matrices of their own. `shared`: several
    tokens choose among its copies; `independent`: both operands are pruned, and where one token
    `skips` columns these are of pruned weights."""

    part: PartName
    name: str
    multiply_adds_dense: int
    multiply_adds: int
    bytes_dense: Bytes
    bytes: Bytes
    pruned: bool
    masks: Masks = DENSE_LAYER
    added: int = 0
    shared: bool = False
    independent: bool = False
    skips: bool = False
    blocks: tuple[int, ...] = ()

    @property
    def times(self) -> int:
        """How often it is in the model."""
        return len(self.blocks) or 1

    def open_products(self) -> str:
        """Why its multiply-adds after pruning are not exact; empty where they are."""
        return EXPECTED if self.independent else ""

    def open_bytes(self, kind: str, *, dense: bool = False) -> str:
        """The same of one kind of its bytes."""
        moved = getattr(self.bytes_dense if dense else self.bytes, kind)
        if self.shared and kind in ("weights", "metadata") and moved:
            return AT_MOST
        return EXPECTED if kind == "weights" and self.skips and not dense else ""


@dataclass(frozen=True)
class Counts:
    """All layers of a model at one piece of work."""

    costs: tuple[Cost, ...]

    def multiply_adds(self, part: PartName | None = None, *, dense: bool = False) -> int:
        """Of one part or of all, after pruning or before."""
        name = "multiply_adds_dense" if dense else "multiply_adds"
        own = (one for one in self.costs if part in (None, one.part))
        return sum(one.times * getattr(one, name) for one in own)

    def bytes(self, *, dense: bool = False) -> Bytes:
        """By kind, after pruning or before."""
        every = ((one.bytes_dense if dense else one.bytes) * one.times for one in self.costs)
        return sum(every, Bytes())

    def open_products(self, part: PartName | None = None) -> str:
        """Why the multiply-adds after pruning are not exact; empty where they are."""
        every = (one.open_products() for one in self.costs if part in (None, one.part))
        return next(filter(None, every), "")

    def open_bytes(self, *kinds: str, dense: bool = False) -> str:
        """The same of bytes of these kinds, all without any."""
        every = (one.open_bytes(kind, dense=dense) for one in self.costs for kind in kinds or KINDS)
        return "; ".join(dict.fromkeys(filter(None, every)))

    def intensity(self, *, dense: bool = False) -> float:
        """Operations a byte: a multiply-add is two."""
        return 2 * self.multiply_adds(dense=dense) / self.bytes(dense=dense).total


def count(decoder: Decoder, work: Work, pruning: Pruning) -> Counts:
    """Everything that the model does in this phase. UserError where a pattern does not divide."""
    pruning.check(decoder)
    costs: list[Cost] = []
    for block, numbers in decoder.shapes:
        alike: dict[tuple[bool, tuple[Masks, ...]], list[int]] = {}
        for number in numbers:
            alike.setdefault(_fate(block, number, pruning), []).append(number)
        for (left_out, masks), own in alike.items():
            found = _block(block, work, pruning, masks)
            costs += (
                replace(one, blocks=tuple(own))
                for one in (map(_nothing_left, found) if left_out else found)
            )
    return Counts(
        (*costs, _layer_cost("lm_head", decoder.head, work.batch, work, Pruning(), DENSE_LAYER))
    )


def _fate(block: Block, number: int, pruning: Pruning) -> tuple[bool, tuple[Masks, ...]]:
    """Whether the block is left out, and what its layers are pruned to."""
    if not pruning.needs_units:
        return number in pruning.left_out, (DENSE_LAYER,) * len(block.layers)
    return False, tuple(pruning.at(layer, number) for layer in block.layers)


def _block(block: Block, work: Work, pruning: Pruning, masks: Sequence[Masks]) -> list[Cost]:
    """Its layers, of which some are pruned, and its attention."""
    layers = zip(block.layers, masks, strict=True)
    costs = [_linear(layer, work, pruning, own) for layer, own in layers]
    return [*costs, _attention(block.attention, work)]


def _nothing_left(dense: Cost) -> Cost:
    """Of a block that is left out nothing is multiplied, read or kept."""
    return replace(dense, multiply_adds=0, bytes=Bytes(), pruned=True, added=0)


def count_layer(layer: Layer, work: Work, pruning: Pruning) -> Counts:
    """The same of one linear layer alone. UserError where a pattern does not divide its d_in."""
    for pattern in (pruning.activation, pruning.weight):
        pattern.check_divides(layer.d_in, layer.name)
    masks = Masks(pruning.activation, pruning.weight)
    return Counts((_linear(layer, work, pruning, masks),))


def _linear(layer: Layer, work: Work, pruning: Pruning, masks: Masks) -> Cost:
    return _layer_cost("blocks", layer, work.new, work, pruning, masks)


def _layer_cost(
    part: PartName,
    layer: Layer,
    tokens: int,
    work: Work,
    pruning: Pruning,
    masks: Masks,
) -> Cost:
    pruned = not masks.is_dense
    whole, left = pruning.kept(layer, DENSE_LAYER), pruning.kept(layer, masks)
    more = pruning.added(layer) if pruned else Added()
    added = tokens * layer.active * more.multiply_adds
    beside = Bytes(weights=_bytes(layer.read(tokens) * more.numbers * work.bits))
    return Cost(
        part,
        layer.name,
        _products(layer, whole, tokens),
        _products(layer, left, tokens) + added,
        _moved(layer, whole, tokens, work),
        _moved(layer, left, tokens, work) + beside,
        pruned,
        masks,
        added,
        shared=layer.copies > layer.active and tokens > 1,
        independent=pruned and pruning.target == "both",
        skips=pruned and pruning.target == "both" and work.skips_columns,
    )


def _products(layer: Layer, kept: Kept, tokens: int) -> int:
    """Multiply-adds of products of which both factors are kept. Where activations and weights are
    both pruned their masks are taken as independent, and a token's are rounded to whole ones."""
    if layer.size in (kept.weights, kept.inputs * layer.d_out):  # one of them is whole: exact
        each = kept.inputs * kept.weights // layer.d_in
    else:
        each = round(kept.inputs * kept.weights / layer.d_in)
    return tokens * layer.active * each


def _moved(layer: Layer, kept: Kept, tokens: int, work: Work) -> Bytes:
    """Bytes of one layer. A dropped input saves its weight column where one token alone asks."""
    copies, uses = layer.read(tokens), tokens * layer.active
    weights = kept.weights
    if work.skips_columns and kept.inputs < layer.d_in:
        weights = round(weights * kept.inputs / layer.d_in)
    return Bytes(
        weights=_bytes(copies * weights * work.bits),
        activations=_bytes(uses * (kept.inputs + layer.d_out) * work.bits),
        metadata=_bytes(copies * kept.weight_bits + uses * kept.input_bits),
    )


def _attention(attention: Attention, work: Work) -> Cost:
    """Scores and the sum of values, over the pairs that are seen; queries in, as much out."""
    if work.phase == "prefill":
        pairs = attention.pairs(work.tokens)
    else:
        pairs = attention.seen(work.context)
    wide, narrow = attention.heads * attention.head_dim, attention.kv_heads * attention.head_dim
    keys = work.tokens if work.phase == "prefill" else attention.seen(work.context)
    products = 2 * work.batch * wide * pairs
    moved = Bytes(
        activations=_bytes(2 * work.new * wide * work.bits),
        kv_cache=_bytes(2 * work.batch * keys * narrow * work.bits),
    )
    return Cost("attention", "attention", products, products, moved, moved, False)


def _bytes(bits: int) -> int:
    """Whole bytes."""
    return -(-bits // 8)
