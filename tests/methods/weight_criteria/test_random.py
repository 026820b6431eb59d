"""random for weights: S ~ uniform(0, 1), drawn under a seed."""

import pytest
import torch
from torch import tensor

from methods.by_hand import (
    BIAS,
    WEIGHT,
    assert_refused,
    assert_weight_kept,
    by_pattern,
    mask,
    pruned,
)

# The generator's first 64 numbers under seed 0 begin 0.496 0.768 0.088 0.132, 0.307 0.634 0.490
# 0.896, 0.456 0.632 0.349 0.402, 0.022 0.169 0.294 0.519; those of the second row 0.176 0.270
# 0.151 0.032, 0.208 0.930 0.723 0.742, 0.526 0.244 0.585 0.033, 0.139 0.242 0.815 0.793.
# P% is of all 64.
DRAWN = {
    "1:4": (
        "0100 0001 0100 0001 0100 0100 0010 0001",
        "0100 0100 0010 0010 0001 0010 1000 1000",
    ),
    "2:4": (
        "1100 0101 1100 0011 1100 0101 0110 0101",
        "1100 0101 1010 0011 0011 1010 1001 1100",
    ),
    "3:4": (
        "1101 0111 1101 0111 1101 1101 1110 0111",
        "1110 0111 1110 0111 0111 1110 1011 1101",
    ),
    "4:8": (
        "1100 0101 1101 0001 1100 0101 1110 0001",
        "0100 0111 1010 0011 0011 1010 1000 1101",
    ),
    "8:16": (
        "1100 0111 1100 0001 1100 1101 0110 0001",
        "0100 0111 1010 0011 0011 1010 1000 1101",
    ),
    "16:32": (
        "1100 0111 1100 0001 1100 1101 0110 0001",
        "0000 0111 1010 0011 0011 1110 1000 1101",
    ),
    "50%": (
        "1100 0111 0100 0001 1100 1101 0110 0001",
        "0000 0111 1010 0011 0111 1110 1000 1101",
    ),
    "70%": (
        "0100 0001 0000 0000 1100 1101 0010 0001",
        "0000 0111 0000 0011 0011 1010 0000 1100",
    ),
}


@by_pattern(DRAWN)
def test_what_is_kept_by_hand(pattern: str, kept: tuple[str, str]) -> None:
    assert_weight_kept(pruned("random", pattern, WEIGHT, WEIGHT, BIAS[:2]), *kept)


@pytest.mark.parametrize(
    ("seed", "numbers"),
    [
        (0, [[0.4963, 0.7682, 0.0885, 0.1320], [0.3074, 0.6341, 0.4901, 0.8964]]),
        (1, [[0.7576, 0.2793, 0.4031, 0.7347], [0.0293, 0.7999, 0.3971, 0.7544]]),
    ],
)
def test_the_scores_are_the_numbers_of_the_seed(seed: int, numbers: list[list[float]]) -> None:
    made = pruned(f"random(seed={seed})", "2:4", torch.ones(2, 4), torch.ones(1, 4))
    drawn = made.masked(made.sites[0], torch.ones(2, 4)).scores
    assert torch.allclose(drawn, tensor(numbers), atol=5e-5)


def test_weights_that_tie_are_told_apart_by_the_draw() -> None:
    ones = torch.ones(2, 4)
    assert mask(pruned("random", "1:4", ones, ones)) == [[0, 1, 0, 0], [0, 0, 0, 1]]


def test_random_is_seeded() -> None:
    weight = torch.randn(8, 16)

    def kept(criterion: str) -> list[list[int]]:
        return mask(pruned(criterion, "2:4", weight, weight))

    assert kept("random") == kept("random")
    assert kept("random") != kept("random(seed=1)")


def test_settings_without_a_meaning_are_refused() -> None:
    assert_refused("at least 0", target="weight", criterion="random(seed=-1)")
    assert_refused("not a int", target="weight", criterion="random(seed=half)")
