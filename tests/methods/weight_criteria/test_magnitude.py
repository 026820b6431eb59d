"""magnitude of weights: S = |W_ij|."""

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

# TOKEN and LOUD as two rows; P% is of all 64: from 21.5 on at 50%, from 29.5 on at 70%, where
# floor(44.8) = 44 are dropped. By rows 50% would keep 16 of each.
KEPT = {
    "1:4": (
        "0010 0001 0100 1000 0100 0010 0001 0100",
        "0010 0100 0001 0010 0001 0010 0100 0001",
    ),
    "2:4": (
        "0110 1001 0101 1010 0101 0110 1001 0101",
        "0110 0101 1001 0110 1001 0110 0101 1001",
    ),
    "3:4": (
        "0111 1011 1101 1110 1101 0111 1011 1101",
        "0111 1101 1011 0111 1011 0111 1101 1011",
    ),
    "4:8": (
        "0010 1011 0101 1010 0101 0110 1001 0101",
        "0010 1101 1001 0110 1001 0110 0100 1011",
    ),
    "8:16": (
        "0010 1011 0101 1010 0101 0010 1011 0101",
        "0010 0101 1011 0110 1001 0010 0101 1011",
    ),
    "16:32": (
        "0010 1001 0100 1010 1101 0110 1011 0101",
        "0110 1101 1011 0110 1001 0010 0100 1001",
    ),
    "50%": (
        "0010 0001 0000 1010 0101 0010 1001 0100",
        "0110 1101 1011 0111 1011 0110 1101 1011",
    ),
    "70%": (
        "0000 0000 0000 0000 0000 0010 0001 0000",
        "0110 1101 1011 0110 1001 0010 0101 1011",
    ),
}


@by_pattern(KEPT)
def test_what_is_kept_by_hand(pattern: str, kept: tuple[str, str]) -> None:
    assert_weight_kept(pruned("magnitude", pattern, WEIGHT, WEIGHT, BIAS[:2]), *kept)


def test_the_scores_are_the_sizes_whatever_the_input() -> None:
    weight = tensor([[4.0, -3.0, 2.0, -1.0]])
    for x in (torch.ones(1, 4), tensor([[0.0, 0.0, 9.0, 9.0]])):
        made = pruned("magnitude", "2:4", weight, x)
        assert made.masked(made.sites[0], weight).scores.tolist() == [[4, 3, 2, 1]]
        assert mask(made) == [[1, 1, 0, 0]]


def test_ties_go_to_the_lower_index() -> None:
    weight = tensor([[1.0, 2.0, -2.0, 2.0], [-3.0, 3.0, 3.0, 3.0]])
    assert_weight_kept(pruned("magnitude", "1:4", weight, weight), "0100", "1000")
    assert_weight_kept(pruned("magnitude", "2:4", weight, weight), "0110", "1100")
    assert_weight_kept(pruned("magnitude", "3:4", weight, weight), "0111", "1110")


def test_ties_of_four_are_counted_where_one_decides() -> None:
    weight = tensor([[1.0, 2.0, -2.0, 2.0], [4.0, 3.0, 2.0, 1.0]])
    ties = pruned("magnitude", "2:4", weight, weight).ties
    assert (ties.tied, ties.count) == (1, 2)


def test_it_has_no_settings() -> None:
    fields = {"target": "weight", "criterion": "magnitude(over=row)"}
    assert_refused("no setting of magnitude 'over'", **fields)
