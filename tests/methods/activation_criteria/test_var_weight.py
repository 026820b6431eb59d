"""var-weight: S = |x_j| * Var(W_:,j), unbiased over the outputs."""

import torch
from torch import tensor

from methods.by_hand import (
    FOURTH,
    KEPT_FOURTH,
    TOKEN,
    assert_kept,
    assert_refused,
    bound,
    by_pattern,
    masked,
    scores,
)

X = tensor([[3.0, -5.0, 1.0, 6.0], [4.0, 12.0, -1.0, 8.0]])
W = tensor([[2.0, 1.0, 3.0, 1.0], [0.0, 0.0, 4.0, -1.0]])


@by_pattern(KEPT_FOURTH)
def test_what_is_kept_by_hand(pattern: str, kept: str) -> None:
    # Columns (2, -2): variance 8, a small norm; columns (11, 9): variance 2, a large norm.
    every_fourth = FOURTH == 4
    weight = torch.stack([torch.where(every_fourth, 2, 11), torch.where(every_fourth, -2, 9)])
    made = bound("", weight.float(), TOKEN[None], pattern, "var-weight", bias=tensor([1.0, -2.0]))
    assert_kept(made, TOKEN[None], kept)


def test_variance_of_the_column_is_unbiased_over_outputs() -> None:
    # Var of (2, 0), (1, 0), (3, 4), (1, -1): 2, 0.5, 0.5, 2
    expected = X.abs() * tensor([2.0, 0.5, 0.5, 2.0])
    assert torch.allclose(scores(X, "var-weight", W), expected)
    # 6, 2.5, 0.5, 12 and 8, 6, 0.5, 16
    assert masked(X, "var-weight", "1:4", W) == [[0, 0, 0, 1], [0, 0, 0, 1]]
    assert masked(X, "var-weight", "3:4", W) == [[1, 1, 0, 1], [1, 1, 0, 1]]


def test_ties_go_to_the_lower_index() -> None:
    # variances 2, 2, 0, 8: 6, 6, 0, 8 times |x| 3, 3, 9, 1; the constant column counts for nothing
    weight = tensor([[1.0, 5.0, 7.0, 4.0], [-1.0, 3.0, 7.0, 0.0]])
    x = tensor([[3.0, -3.0, 9.0, 1.0]])
    assert masked(x, "var-weight", "2:4", weight) == [[1, 0, 0, 1]]
    assert masked(x, "var-weight", "3:4", weight) == [[1, 1, 0, 1]]
    assert masked(x, "var-weight", "50%", weight) == [[1, 0, 0, 1]]


def test_it_has_no_settings() -> None:
    assert_refused("no setting of var-weight 'over'", criterion="var-weight(over=token)")


def test_turned_or_scaled_inputs_are_refused() -> None:
    for mitigation in ("la-rosa", "smooth"):
        says = f"{mitigation} and var-weight do not go together"
        assert_refused(says, criterion="var-weight", mitigations=mitigation)
