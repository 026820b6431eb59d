"""wina: S = |x_j| * ||W_:,j||_2."""

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

# Norms of the columns of W: 2, 1, 5, sqrt(2).
X = tensor([[3.0, -5.0, 1.0, 6.0], [4.0, 12.0, -1.0, 8.0]])
W = tensor([[2.0, 1.0, 3.0, 1.0], [0.0, 0.0, 4.0, -1.0]])


@by_pattern(KEPT_FOURTH)
def test_what_is_kept_by_hand(pattern: str, kept: str) -> None:
    weight = torch.stack([3 * FOURTH, -4 * FOURTH])  # columns (12, -16) and (3, -4): norms 20 and 5
    made = bound("", weight, TOKEN[None], pattern, "wina", bias=tensor([1.0, -2.0]))
    assert_kept(made, TOKEN[None], kept)


def test_the_scores_by_hand() -> None:
    # |x| times 2, 1, 5, 1.41421
    by_hand = tensor([[6.0, 5.0, 5.0, 8.48528], [8.0, 12.0, 5.0, 11.31371]])
    assert torch.allclose(scores(X, "wina", W), by_hand)


def test_wina_weighs_by_the_column_norm_of_the_weight() -> None:
    # |x| * norms: 6, 5, 5, 8.49 and 8, 12, 5, 11.3
    assert masked(X, "wina", "1:4", W) == [[0, 0, 0, 1], [0, 1, 0, 0]]
    assert masked(X, "wina", "2:4", W) == [[1, 0, 0, 1], [0, 1, 0, 1]]
    assert masked(X, "wina", "3:4", W) == [[1, 1, 0, 1], [1, 1, 0, 1]]  # 5 and 5: the lower index


def test_ties_go_to_the_lower_index() -> None:
    # norms 4, 2, 1, 1: 4, 4, 4, 1
    weight = tensor([[4.0, 0.0, 1.0, 0.0], [0.0, -2.0, 0.0, 1.0]])
    x = tensor([[1.0, -2.0, 4.0, 1.0]])
    assert masked(x, "wina", "1:4", weight) == [[1, 0, 0, 0]]
    assert masked(x, "wina", "2:4", weight) == [[1, 1, 0, 0]]
    assert masked(x, "wina", "70%", weight) == [[1, 1, 0, 0]]  # floor(2.8) = 2 dropped


def test_the_sign_of_a_weight_does_not_matter() -> None:
    assert masked(X, "wina", "2:4", -W) == masked(X, "wina", "2:4", W)


def test_it_has_no_settings() -> None:
    assert_refused("no setting of wina 'over'", criterion="wina(over=token)")


def test_turned_or_scaled_inputs_are_refused() -> None:
    for mitigation in ("la-rosa", "smooth"):
        says = f"{mitigation} and wina do not go together"
        assert_refused(says, criterion="wina", mitigations=mitigation)
