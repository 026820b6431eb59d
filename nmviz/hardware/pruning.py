"""What is pruned, as hardware sees it: which products and which bytes are left of a layer."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from nmviz.base.errors import UserError
from nmviz.hardware.decoder import Decoder, Layer
from nmviz.hardware.metadata import SCHEMES, row_bits
from nmviz.methods.costs import Added
from nmviz.methods.method import Call
from nmviz.methods.pattern_lists import Patterns
from nmviz.methods.patterns import DENSE, Pattern, parse_pattern
from nmviz.methods.site_lists import Sites

EVERYWHERE = Sites.read("all")


@dataclass(frozen=True)
class Kept:
    """Of one layer: entries kept of a token's d_in, and of the whole of W; the bits that say which.

    A dense operand keeps all and needs none.
    """

    inputs: int
    weights: int
    input_bits: int = 0
    weight_bits: int = 0


class Masks(NamedTuple):
    """The patterns of one layer's inputs and of its weight."""

    activation: Pattern = DENSE
    weight: Pattern = DENSE

    @property
    def is_dense(self) -> bool:
        return self.activation.is_dense and self.weight.is_dense


DENSE_LAYER = Masks()


@dataclass(frozen=True)
class Pruning:
    """Patterns of activations and of weights, where they hold, how masks are written down, and the
    criteria and mitigations that go with them; or blocks that are `left_out` whole. Where layers
    have patterns of their own `by_layer` has them, and those of the operands name the list."""

    activation: Pattern = DENSE
    weight: Pattern = DENSE
    sites: Sites = field(default=EVERYWHERE)
    metadata: str = "index"
    methods: tuple[Call, ...] = ()
    left_out: frozenset[int] = frozenset()
    by_layer: Patterns | None = None

    @classmethod
    def of(cls, target: str, pattern: Pattern, **more: Any) -> Self:
        """One target pruned by the pattern, the other dense; both dense for `dense`."""
        activation = pattern if target == "activation" else DENSE
        weight = pattern if target == "weight" else DENSE
        return cls(activation, weight, **more)

    @classmethod
    def by_plan(cls, target: str, patterns: Patterns, **more: Any) -> Self:
        """One target pruned by a list of patterns."""
        name, sites = parse_pattern(patterns.name), patterns.everywhere
        return cls.of(target, name, sites=sites, by_layer=patterns, **more)

    def __post_init__(self) -> None:
        SCHEMES.get(self.metadata)

    @property
    def target(self) -> str:
        """`activation`, `weight`, `both`, `blocks`, or `dense`."""
        both = not self.activation.is_dense and not self.weight.is_dense
        if both:
            return "both"
        if self.weight.is_dense and self.activation.is_dense:
            return "blocks" if self.left_out else "dense"
        if self.weight.is_dense:
            return "activation"
        return "weight"

    @property
    def needs_units(self) -> bool:
        """Whether leaving its products out takes units for a pattern, as with masks."""
        return not (self.activation.is_dense and self.weight.is_dense)

    @property
    def pattern(self) -> Pattern:
        """That of the weights where only these are pruned, else that of the activations."""
        return self.weight if self.target == "weight" else self.activation

    def check(self, decoder: Decoder) -> None:
        """UserError where a pattern does not divide a layer, or a scope names none of them."""
        names = {one.name for block in decoder.blocks for one in block.layers if one.prunable}
        unknown = [name for name in self.sites.blocks if name not in (*names, "all")]
        if unknown:
            raise UserError(
                f"{decoder.title} has no layer {unknown[0][:40]!r}: it has "
                f"{', '.join(sorted(names))}."
            )
        last = max(self.sites.last, *self.left_out, -1)
        if last >= len(decoder.blocks):
            raise UserError(
                f"{decoder.title} has blocks 0 to {len(decoder.blocks) - 1}: {last} is none of "
                "them."
            )
        if len(self.left_out) == len(decoder.blocks):
            raise UserError(f"{decoder.title} would have no block left: leave out fewer.")
        for block, numbers in decoder.shapes:
            for layer in block.layers:
                for masks in {self.at(layer, number) for number in numbers}:
                    for pattern in masks:
                        pattern.check_divides(layer.d_in, f"{layer.name} of {decoder.title}")

    def holds(self, layer: Layer, block: int) -> bool:
        """Whether that layer of that block is pruned."""
        return layer.prunable and self.sites.hold(layer.name, block)

    def at(self, layer: Layer, block: int) -> Masks:
        """What that layer of that block is pruned to."""
        if not self.holds(layer, block):
            return DENSE_LAYER
        both = Masks(self.activation, self.weight)
        if self.by_layer is None:
            return both
        own = self.by_layer.of([layer.name], block)
        return Masks(*(DENSE if pattern.is_dense else own for pattern in both))

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """Every pattern that some layer has."""
        return (self.activation, self.weight) if self.by_layer is None else self.by_layer.masks

    def added(self, layer: Layer) -> Added:
        """What the methods add for a token at one copy of a layer that is pruned. UserError where a
        setting that it hangs on is not known."""
        return sum((one.adds(layer.d_out, layer.d_in) for one in self.methods), Added())

    def kept(self, layer: Layer, masks: Masks) -> Kept:
        """What is left of a layer, exactly; of a dense one all."""
        if masks.is_dense:
            return Kept(layer.d_in, layer.size)
        inputs = _kept(masks.activation, layer.d_in)
        weights = _kept_of(masks.weight, layer)
        row = weights // layer.d_out  # of N:M, where every row keeps as many
        in_rows = layer.d_out * row_bits(masks.weight, self.metadata, layer.d_in, row)
        whole = masks.weight.percent is not None
        return Kept(
            inputs,
            weights,
            row_bits(masks.activation, self.metadata, layer.d_in, inputs),
            _of_matrix(self.metadata, layer, weights) if whole else in_rows,
        )


def _kept(pattern: Pattern, size: int) -> int:
    """Entries of one run of `size`."""
    if pattern.group is not None:
        return size // pattern.group * int(pattern.keep or 0)
    return size - pattern.dropped(size)


def _kept_of(pattern: Pattern, layer: Layer) -> int:
    """Entries of W: N:M row by row, P% of the whole matrix."""
    if pattern.group is not None:
        return layer.d_out * _kept(pattern, layer.d_in)
    return _kept(pattern, layer.size)


def _of_matrix(scheme: str, layer: Layer, kept: int) -> int:
    """P% of a matrix: an index is a place in its row, a code is one for the whole matrix."""
    size = layer.d_in if scheme == "index" else layer.size
    return SCHEMES.get(scheme).bits(size, kept)
