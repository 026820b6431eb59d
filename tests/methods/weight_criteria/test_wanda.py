"""wanda: S_ij = |W_ij| * ||X_:,j||_2."""

import torch
from torch import tensor

from methods.by_hand import (
    BIAS,
    FOURTH,
    KEPT_FOURTH,
    LOUD_KEPT_FOURTH,
    WEIGHT,
    assert_refused,
    assert_weight_kept,
    by_pattern,
    mask,
    pruned,
)

W = tensor([[4.0, -3.0, 2.0, 1.0], [1.0, 2.0, 3.0, -4.0]])
X = tensor([[1.0, 1.0, 3.0, 0.0], [0.0, 1.0, 4.0, 2.0]])  # column norms 1, sqrt 2, 5, 2
NORMS = torch.stack([0.6 * FOURTH, -0.8 * FOURTH])  # columns (2.4, -3.2) and (0.6, -0.8): 4 and 1

BY_ROW = {p: (kept, LOUD_KEPT_FOURTH[p]) for p, kept in KEPT_FOURTH.items()}

# The largest 32 and 20 of all 64 scores: from 31.5 on, and from 46 on.
BY_MATRIX = {
    "50%": (
        "0010 1001 1000 1000 1100 0010 1001 1000",
        "1110 1101 1011 1110 1001 0010 1101 1011",
    ),
    "70%": (
        "0000 1000 0000 1000 1000 0000 1000 1000",
        "1010 1100 1001 1010 1001 0010 1100 1001",
    ),
}


@by_pattern(BY_ROW)
def test_what_is_kept_by_hand(pattern: str, kept: tuple[str, str]) -> None:
    assert_weight_kept(pruned("wanda", pattern, WEIGHT, NORMS, BIAS[:2]), *kept)


@by_pattern(BY_MATRIX)
def test_what_is_kept_of_the_matrix_by_hand(pattern: str, kept: tuple[str, str]) -> None:
    assert_weight_kept(pruned("wanda(over=matrix)", pattern, WEIGHT, NORMS), *kept)


def test_the_scores_by_hand() -> None:
    made = pruned("wanda", "2:4", W, X)
    by_hand = tensor([[4.0, 4.24264, 10.0, 2.0], [1.0, 2.82843, 15.0, 8.0]])
    assert torch.allclose(made.masked(made.sites[0], W).scores, by_hand)


def test_wanda_weighs_by_the_norm_of_the_input() -> None:
    # 4, 4.24, 10, 2 and 1, 2.83, 15, 8
    assert mask(pruned("wanda", "2:4", W, X)) == [[0, 1, 1, 0], [0, 0, 1, 1]]
    assert mask(pruned("wanda", "1:4", W, X)) == [[0, 0, 1, 0], [0, 0, 1, 0]]
    assert mask(pruned("wanda", "3:4", W, X)) == [[1, 1, 1, 0], [0, 1, 1, 1]]


def test_wanda_compares_within_a_row_or_the_matrix() -> None:
    assert mask(pruned("wanda", "50%", W, X)) == [[0, 1, 1, 0], [0, 0, 1, 1]]
    weight = tensor([[40.0, 30.0, 20.0, 10.0], [1.0, 2.0, 3.0, 4.0]])
    assert mask(pruned("wanda(over=matrix)", "50%", weight, X)) == [[1, 1, 1, 1], [0, 0, 0, 0]]


def test_ties_go_to_the_lower_index() -> None:
    # norms 1, 2, 4, 1: 4, 4, 4, 1
    weight, x = tensor([[-4.0, 2.0, 1.0, 1.0]]), tensor([[1.0, 2.0, 4.0, 1.0]])
    assert mask(pruned("wanda", "1:4", weight, x)) == [[1, 0, 0, 0]]
    assert mask(pruned("wanda", "2:4", weight, x)) == [[1, 1, 0, 0]]
    assert mask(pruned("wanda", "50%", weight, x)) == [[1, 1, 0, 0]]  # of a row


def test_ties_of_a_row_are_counted_by_row() -> None:
    ones = torch.ones(1, 4)
    tied = tensor([[1.0, 1.0, 1.0, 1.0], [5.0, 6.0, 7.0, 8.0]])
    untied = tensor([[1.0, 2.0, 3.0, 3.0], [3.0, 3.0, 4.0, 5.0]])  # ties that decide nothing
    for weight, rows in ((tied, 1), (untied, 0)):
        made = pruned("wanda", "50%", weight, ones)
        assert (made.ties.tied, made.ties.count, made.unit_of_ties) == (rows, 2, "rows")
        made.finish(made.sites[0])  # as when it was calibrated in the same call
        assert (made.ties.tied, made.ties.count) == (rows, 2)
    whole = pruned("magnitude", "50%", tied, ones)
    assert (whole.ties.tied, whole.unit_of_ties) == (0, "entries")
    assert pruned("wanda", "2:4", tied, ones).unit_of_ties == "blocks"


def test_settings_without_a_meaning_are_refused() -> None:
    fields = {"target": "weight", "criterion": "wanda(over=token)"}
    assert_refused("over=token is not one of matrix, row", **fields)
    fields = {"target": "weight", "criterion": "wanda", "calibration_windows": 0}
    assert_refused("at least one calibration window", **fields)
