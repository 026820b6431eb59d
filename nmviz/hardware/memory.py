"""What the weights of a model take in memory: exact, from its shape.

The embedding counts once where the head is the same matrix, and twice where not; norms and biases
are left out. Nothing but the layers of the blocks is pruned or stored in fewer bits.
"""

from nmviz.hardware.decoder import Decoder
from nmviz.hardware.metadata import FP16
from nmviz.hardware.pruning import Pruning


def held(decoder: Decoder, pruning: Pruning | None = None, bits: float = FP16) -> float:
    """Bytes: of blocks the weights that are kept, at `bits` each, and what says which these are; of
    embedding and head all, at 16 bits. UserError where a pattern does not divide a layer."""
    chosen = pruning or Pruning()
    chosen.check(decoder)
    inside = 0.0
    for number, block in enumerate(decoder.blocks):
        for layer in block.layers:
            if number not in chosen.left_out:
                kept = chosen.kept(layer, chosen.at(layer, number))
                inside += layer.copies * (bits * kept.weights + kept.weight_bits)
    rows = decoder.embedding_parameters + (0 if decoder.tied else decoder.head.size)
    return (inside + FP16 * rows) / 8


def share_held(
    decoder: Decoder, pruning: Pruning | None = None, *, bits: float = FP16, of: Decoder
) -> float:
    """The same in % of another model, dense at 16 bits."""
    return 100 * held(decoder, pruning, bits) / held(of)
