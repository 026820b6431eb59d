"""magnitude of activations: S = |x_j|."""

import torch
from torch import tensor

from methods.by_hand import (
    BIAS,
    KEPT,
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


@by_pattern(KEPT)
def test_what_is_kept_by_hand(pattern: str, kept: str) -> None:
    assert_kept(bound("", torch.eye(32), TOKEN[None], pattern, bias=BIAS), TOKEN[None], kept)


def test_the_scores_are_the_sizes() -> None:
    assert scores(X, "magnitude", W).tolist() == [[3, 5, 1, 6], [4, 12, 1, 8]]


def test_magnitude() -> None:
    assert masked(X, "magnitude", "1:4", W) == [[0, 0, 0, 1], [0, 1, 0, 0]]
    assert masked(X, "magnitude", "3:4", W) == [[1, 1, 0, 1], [1, 1, 0, 1]]


def test_ties_go_to_the_lower_index() -> None:
    x = tensor([[2.0, -2.0, 2.0, 3.0], [0.0, 0.0, 0.0, 0.0]])
    assert masked(x, "magnitude", "2:4", W) == [[1, 0, 0, 1], [1, 1, 0, 0]]
    assert masked(x, "magnitude", "3:4", W) == [[1, 1, 0, 1], [1, 1, 1, 0]]
    assert masked(x, "magnitude", "50%", W) == [[1, 0, 0, 1], [1, 1, 0, 0]]


def test_magnitude_over_a_window_is_one_threshold() -> None:
    x = tensor([[1.0, 2.0], [30.0, 10.0]])
    weight = torch.ones(2, 2)
    assert masked(x, "magnitude(over=window)", "50%", weight) == [[0, 0], [1, 1]]
    assert masked(x, "magnitude", "50%", weight) == [[0, 1], [1, 0]]


def test_a_window_drops_its_own_share_and_ties_go_to_the_lower_index() -> None:
    # 70% of 4 entries: floor(2.8) = 2 dropped in every window, of 8, 8, 8, 1 the last 8 and the 1
    x = tensor([[[8.0, -8.0], [8.0, 1.0]], [[0.1, 0.2], [0.3, 0.4]]])
    kept = masked(x, "magnitude(over=window)", "70%", torch.ones(2, 2))
    assert kept == [[[1, 1], [0, 0]], [[0, 0], [1, 1]]]


def test_over_means_nothing_at_n_of_m() -> None:
    assert masked(X, "magnitude(over=window)", "1:4", W) == masked(X, "magnitude", "1:4", W)


def test_settings_without_a_meaning_are_refused() -> None:
    assert_refused("over=row is not one of token, window", criterion="magnitude(over=row)")
    assert_refused("no setting of magnitude 'power'", criterion="magnitude(power=2)")
