"""amber: S = |x_j| * the norm of column j of the weight, standardised without its outliers."""

import numpy as np
import pytest
import torch
from torch import Tensor, tensor

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
from nmviz.methods import activation_criteria

X = tensor([[3.0, -5.0, 1.0, 6.0], [4.0, 12.0, -1.0, 8.0]])
W = tensor([[2.0, 1.0, 3.0, 1.0], [0.0, 0.0, 4.0, -1.0]])


def balanced() -> Tensor:
    """Columns (4, -4) and (1, -1), and one of outliers, (100, -100), in channel 12.

    Of 64 entries the percentiles 0.5 and 99.5 lie a third of the way from the extremes inwards, so
    100 and -100 are outside: of the others the mean is 0 and the variance (14 * 16 + 48) / 62.
    """
    weight = torch.stack([FOURTH, -FOURTH])
    weight[:, 12] *= 25
    return weight


@by_pattern(KEPT_FOURTH)
def test_what_is_kept_by_hand(pattern: str, kept: str) -> None:
    # The outliers' channel, 112 without them, is the largest of all either way.
    made = bound("", balanced(), TOKEN[None], pattern, "amber", bias=tensor([1.0, -2.0]))
    assert_kept(made, TOKEN[None], kept)


def test_the_scores_by_hand() -> None:
    # The spread is sqrt(272 / 62) = 2.09454; norms are 4 sqrt(2), sqrt(2) and 100 sqrt(2) over it.
    found = scores(TOKEN[None], "amber", balanced())[0]
    by_hand = tensor([0.0, 8.77745, 17.55489, 4.72632, 54.0151])  # of 0, 13, 26, 7, 20
    assert torch.allclose(found[:5], by_hand, rtol=1e-5)
    assert torch.allclose(found[12], tensor(1890.52747), rtol=1e-5)  # 28 * 67.5188


def test_a_shift_of_all_weights_changes_nothing() -> None:
    moved, plain = scores(X, "amber", W + 8), scores(X, "amber", W)
    assert torch.allclose(moved, plain, rtol=1e-5)
    assert torch.allclose(scores(X, "amber", 4 * W), plain, rtol=1e-5)


def test_amber_standardises_without_the_outliers_and_sums_all() -> None:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(40, 16, generator=generator)
    weight[0, 0] = 100.0  # outside the percentiles, inside the norm
    low, high = np.percentile(weight.double().numpy(), [0.5, 99.5])
    inside = weight.double()[(weight >= low) & (weight <= high)]
    z = (weight.double() - inside.mean()) / inside.std(unbiased=False)
    x = torch.randn(3, 16, generator=generator)
    expected = x.abs() * z.norm(dim=0)
    assert torch.allclose(scores(x, "amber", weight).double(), expected.double(), rtol=1e-5)
    assert expected[0, 0] / x.abs()[0, 0] > 50


def test_amber_masks_by_hand() -> None:
    # Nothing lies outside the percentiles but the extremes 4 and -1: of 2, 1, 3, 1, 0, 0 mean 7/6.
    inside = tensor([2.0, 1.0, 3.0, 1.0, 0.0, 0.0])
    z = (W - inside.mean()) / inside.std(unbiased=False)
    weighed = X.abs() * z.norm(dim=0)  # 3.9, 5.6, 3.2, 12.3 and 5.2, 13.4, 3.2, 16.5
    assert weighed.argsort(-1, descending=True).tolist() == [[3, 1, 0, 2], [3, 1, 0, 2]]
    assert masked(X, "amber", "1:4", W) == [[0, 0, 0, 1], [0, 0, 0, 1]]
    assert masked(X, "amber", "3:4", W) == [[1, 1, 0, 1], [1, 1, 0, 1]]


def test_ties_go_to_the_lower_index() -> None:
    weight = tensor([[1.0, 1.0, 1.0, 1.0], [-1.0, -1.0, -1.0, -1.0]])  # all columns count the same
    x = tensor([[1.0, -2.0, 2.0, 2.0]])
    assert masked(x, "amber", "1:4", weight) == [[0, 1, 0, 0]]
    assert masked(x, "amber", "2:4", weight) == [[0, 1, 1, 0]]


def test_over_a_window_one_threshold_is_for_all_tokens() -> None:
    weight = tensor([[1.0, 1.0], [-1.0, -1.0]])
    x = tensor([[1.0, 2.0], [30.0, 10.0]])
    assert masked(x, "amber(over=window)", "50%", weight) == [[0, 0], [1, 1]]
    assert masked(x, "amber", "50%", weight) == [[0, 1], [1, 0]]


def test_settings_without_a_meaning_are_refused() -> None:
    assert_refused("over=matrix is not one of token, window", criterion="amber(over=matrix)")


def test_turned_or_scaled_inputs_are_refused() -> None:
    for mitigation in ("la-rosa", "smooth"):
        says = f"{mitigation} and amber do not go together"
        assert_refused(says, criterion="amber", mitigations=mitigation)


@pytest.mark.parametrize("share", [0.0, 0.005, 0.3, 0.5, 0.7, 0.995, 1.0])
@pytest.mark.parametrize("n", [1, 2, 3, 200, 1001])
def test_a_percentile_is_numpys(n: int, share: float) -> None:
    values = torch.randn(n, generator=torch.Generator().manual_seed(n))
    expected = np.quantile(values.double().numpy(), share)
    found = activation_criteria._percentile(values, share)
    assert float(found) == pytest.approx(float(expected), rel=1e-12, abs=1e-15)
