"""clact: S = |x_j| / ||X_t||_2 * ||X_:,j||_2 over the tokens of one window."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import tensor

from methods.by_hand import (
    BIAS,
    FOURTH,
    TOKEN,
    assert_kept,
    assert_refused,
    bound,
    by_pattern,
    masked,
    scores,
)

# Column norms 5, 13, sqrt(2), 10.
X = tensor([[3.0, -5.0, 1.0, 6.0], [4.0, 12.0, -1.0, 8.0]])
W = tensor([[2.0, 1.0, 3.0, 1.0], [0.0, 0.0, 4.0, -1.0]])

# A second token that is 40 in every fourth channel and 0 elsewhere.
TWO = torch.stack([TOKEN, 40 * (FOURTH == 4)])
# The first token's |x| * column norm is x^2, and |x| * sqrt(x^2 + 1600) in every fourth channel:
# 0 169 676 49, 894 1 196 729, 326 441 4 225, 1367 81 484 9, 689 841 100 529, 161 289 900 121,
# 1120 25 324 961, 501 625 36 361. The second token has zeros, which tie: the lower index.
CLACT = {
    "1:4": (
        "0010 1000 0100 1000 0100 0010 1000 0100",
        "1000 1000 1000 1000 1000 1000 1000 1000",
    ),
    "2:4": (
        "0110 1001 1100 1010 1100 0110 1001 1100",
        "1100 1100 1100 1100 1100 1100 1100 1100",
    ),
    "3:4": (
        "0111 1011 1101 1110 1101 1110 1011 1101",
        "1110 1110 1110 1110 1110 1110 1110 1110",
    ),
    "4:8": (
        "0010 1011 1100 1010 1101 0010 1001 1100",
        "1110 1000 1110 1000 1110 1000 1110 1000",
    ),
    "8:16": (
        "0010 1001 1101 1010 1101 0010 1001 1100",
        "1111 1100 1000 1000 1111 1100 1000 1000",
    ),
    "16:32": (
        "0010 1001 1100 1010 1101 0010 1001 1101",
        "1111 1111 1110 1000 1000 1000 1000 1000",
    ),
    "50%": (
        "0010 1001 1100 1010 1101 0010 1001 1101",
        "1111 1111 1110 1000 1000 1000 1000 1000",
    ),
    "70%": (
        "0010 1001 0000 1000 1100 0010 1001 0100",
        "1110 1000 1000 1000 1000 1000 1000 1000",
    ),
}


@by_pattern(CLACT)
def test_what_is_kept_by_hand(pattern: str, kept: tuple[str, str]) -> None:
    made = bound("", torch.eye(32), TWO, pattern, "clact", bias=BIAS)
    assert_kept(made, TWO, *kept)


def test_the_scores_by_hand() -> None:
    # columns 5, 13, sqrt(2), 10; rows sqrt(71) and 15
    by_hand = tensor([[1.78017, 7.71407, 0.16784, 7.12067], [1.33333, 10.4, 0.09428, 5.33333]])
    assert torch.allclose(scores(X, "clact", W), by_hand, atol=1e-5)


def test_clact_weighs_by_the_column_norm_of_the_window() -> None:
    # |x| * column norms: 15, 65, 1.41, 60 and 20, 156, 1.41, 80
    assert masked(X, "clact", "1:4", W) == [[0, 1, 0, 0], [0, 1, 0, 0]]
    assert masked(X, "clact", "2:4", W) == [[0, 1, 0, 1], [0, 1, 0, 1]]


def test_ties_go_to_the_lower_index() -> None:
    x = tensor([[2.0, -2.0, 2.0, 1.0], [1.0, -1.0, 1.0, 0.0]])  # three columns are alike
    assert masked(x, "clact", "1:4", W) == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert masked(x, "clact", "2:4", W) == [[1, 1, 0, 0], [1, 1, 0, 0]]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(0, 10**6))
def test_clact_at_n_of_m_is_magnitude_times_column_norm(tokens: int, seed: int) -> None:
    x = torch.randn(tokens, 16, generator=torch.Generator().manual_seed(seed))
    weighted = x * x.norm(dim=0)
    weight = torch.ones(2, 16)
    for pattern in ("1:4", "3:8", "8:16"):
        assert masked(x, "clact", pattern, weight) == masked(weighted, "magnitude", pattern, weight)


def test_clact_over_a_window_ranks_all_its_tokens_together() -> None:
    x = tensor([[1.0, 2.0], [30.0, 0.1]])
    rows, columns = x.norm(dim=1, keepdim=True), x.norm(dim=0)
    ranked = (x / rows * columns).flatten().argsort(descending=True)
    mask = tensor(masked(x, "clact(over=window)", "50%", torch.ones(2, 2))).flatten()
    assert sorted(ranked[:2].tolist()) == mask.nonzero().flatten().tolist()


def test_over_a_window_the_row_norm_matters() -> None:
    # Columns sqrt(37), 5; rows sqrt(10), sqrt(52): 1.92, 4.74 and 5.06, 2.77. Without the rows
    # they are 6.1, 15 and 36, 20, of which the second token would be kept.
    x = tensor([[1.0, 3.0], [6.0, 4.0]])
    assert masked(x, "clact(over=window)", "50%", torch.ones(2, 2)) == [[0, 1], [1, 0]]


def test_the_norm_of_a_window_is_its_own() -> None:
    window = tensor([[1.0, 3.0, 2.0, 2.5], [9.0, 1.0, 1.0, 1.0]])
    # |x| * norm of its first token: 9.06, 9.49, 4.47, 6.73; where the other is quiet the first
    # token's are 1.41, 9.49, 4.47, 6.73
    both = torch.stack([window, tensor([[1.0, 3.0, 2.0, 2.5], [1.0, 1.0, 1.0, 1.0]])])
    made = bound("", W, both, "2:4", "clact")
    kept = made.masked(made.sites[0], both).mask.int().tolist()
    assert kept == [[[1, 1, 0, 0], [1, 1, 0, 0]], [[0, 1, 0, 1], [0, 1, 0, 1]]]


@pytest.mark.parametrize("pattern", ["1:4", "3:4", "50%"])
def test_a_token_alone_is_ranked_by_magnitude(pattern: str) -> None:
    x = TOKEN[None]
    assert masked(x, "clact", pattern, W) == masked(x, "magnitude", pattern, W)


def test_settings_without_a_meaning_are_refused() -> None:
    assert_refused("over=batch is not one of token, window", criterion="clact(over=batch)")
