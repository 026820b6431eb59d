"""Memory of weights, against numbers worked out by hand."""

import pytest

from nmviz.base.errors import UserError
from nmviz.hardware.facts import shipped
from nmviz.hardware.memory import held, share_held
from nmviz.hardware.pruning import Pruning
from nmviz.methods.patterns import parse_pattern

BLOCKS = 6_476_005_376  # Llama 2 7B: 32 (4 * 4096^2 + 3 * 4096 * 11008)
ROWS = 2 * 32_000 * 4096  # embedding and head, which are two matrices there


def test_a_dense_model_holds_two_bytes_a_weight() -> None:
    assert held(shipped()["llama2-7b"]) == 2 * (BLOCKS + ROWS)


def test_an_embedding_that_is_the_head_counts_once() -> None:
    """SmolLM2: 30 (2 * 576^2 + 2 * 576 * 192 + 3 * 576 * 1536) and 49152 * 576."""
    inside = 30 * (2 * 576**2 + 2 * 576 * 192 + 3 * 576 * 1536)
    assert held(shipped()["smollm2-135m"]) == 2 * (inside + 49_152 * 576)


@pytest.mark.parametrize(
    ("pattern", "metadata", "bits"),
    [("8:16", "index", 8 + 2), ("8:16", "code", 8 + 14 / 16), ("2:4", "bitmap", 8 + 1)],
)
def test_pruned_weights_hold_what_is_kept_and_what_says_which(
    pattern: str, metadata: str, bits: float
) -> None:
    """Half of 16 bits; an index of 4 bits for every second entry, a code of 14 bits for 16, or one
    bit an entry."""
    pruning = Pruning.of("weight", parse_pattern(pattern), metadata=metadata)
    assert held(shipped()["llama2-7b"], pruning) == (bits * BLOCKS + 16 * ROWS) / 8


def test_pruned_activations_hold_all_weights_and_blocks_left_out_none() -> None:
    decoder = shipped()["llama2-7b"]
    activations = Pruning.of("activation", parse_pattern("2:4"))
    assert held(decoder, activations) == held(decoder)
    half = Pruning(left_out=frozenset(range(16)))
    assert held(decoder, half) == 2 * (BLOCKS // 2 + ROWS)


def test_fewer_bits_are_of_the_blocks_alone() -> None:
    decoder = shipped()["llama2-7b"]
    share = 100 * (4.5 * BLOCKS + 16 * ROWS) / (16 * (BLOCKS + ROWS))
    assert share_held(decoder, bits=4.5, of=decoder) == pytest.approx(share)


def test_a_pattern_that_does_not_divide_is_refused() -> None:
    with pytest.raises(UserError, match="not a multiple of 7"):
        held(shipped()["llama2-7b"], Pruning.of("weight", parse_pattern("3:7")))
