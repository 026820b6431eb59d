"""smooth: X' = X / s, Y = (X' * M) (diag(s) W^T), s_j = sqrt(max|X_:,j| / max|W_:,j|)."""

import pytest
import torch
from torch import tensor

from methods.by_hand import (
    BIAS,
    FOURTH,
    KEPT_FOURTH,
    TOKEN,
    assert_refused,
    bits,
    bound,
    by_pattern,
    output,
)


@by_pattern(KEPT_FOURTH)
def test_what_is_kept_by_hand(pattern: str, kept: str) -> None:
    # A second token is 64 everywhere, so all maxima of inputs are 64; those of the weight are 64,
    # and 1024 in every fourth channel: s is 1, and 1/4 there, where the inputs count four times.
    x = torch.stack([TOKEN, torch.full((32,), 64.0)])
    weight = (64 * FOURTH**2).diag()
    made = bound("smooth", weight, x, pattern, bias=BIAS)
    mask = made.masked(made.sites[0], x).mask.int()
    assert mask[0].tolist() == bits(kept)[0].tolist()
    by_hand = TOKEN * bits(kept)[0] * weight.diagonal() + BIAS
    assert torch.allclose(output(made, x)[0], by_hand)


@pytest.mark.parametrize("pattern", ["1:4", "3:4"])
def test_what_is_kept_by_hand_where_n_is_not_half_of_m(pattern: str) -> None:
    # s = sqrt of 3, 1, 5, 1: the inputs are the roots of their own sizes, in the same order
    x = tensor([[3.0, 1.0, -5.0, -1.0]])
    kept = {"1:4": [0, 0, -5, 0], "3:4": [3, 1, -5, 0]}[pattern]  # 1 ties with -1
    made = bound("smooth", torch.eye(4), x, pattern)
    assert output(made, x)[0].tolist() == pytest.approx(kept)


def test_smoothing_scales_by_the_maxima() -> None:
    x = tensor([[8.0, 1.0, 2.0, 0.5], [-2.0, 4.0, 1.0, 0.5]])  # maxima 8, 4, 2, 0.5
    weight = tensor([[2.0, 1.0, 0.0, 2.0], [-1.0, 0.5, 0.5, 1.0]])  # maxima 2, 1, 0.5, 2
    made = bound("smooth", weight, x)
    scores = made.masked(made.sites[0], x).scores  # s = 2, 2, 2, 0.5
    assert torch.allclose(scores, tensor([[4.0, 0.5, 1.0, 1.0], [1.0, 2.0, 0.5, 1.0]]))
    kept = x * tensor([[1, 0, 1, 0], [1, 1, 0, 0]])  # 1 and 1 tie: the lower index
    assert torch.allclose(output(made, x), kept @ weight.T)


def test_maxima_of_the_smoothing_are_those_of_one_window() -> None:
    windows = torch.randn(3, 5, 8) * tensor([1.0, 10.0, 100.0])[:, None, None]
    weight = torch.randn(4, 8)
    made = bound("smooth,s-pts(per=channel)", weight, windows)
    scale = (windows.abs().amax(-2, keepdim=True) / weight.abs().amax(0)).sqrt()
    eta = made.states[made.sites[0]]["s-pts"]["eta"]
    smoothed = (windows / scale).double()
    rounding = torch.finfo(torch.float32).eps * smoothed.abs().max().item()  # of what is added up
    assert torch.allclose(eta.double(), smoothed.mean((0, 1)), rtol=1e-4, atol=rounding)


def test_two_windows_have_two_scales_by_hand() -> None:
    # Maxima 4, 1 and 1, 16 over weights of 1: scales 2, 1 and 1, 4
    windows = tensor([[[4.0, 1.0], [1.0, 1.0]], [[1.0, 16.0], [1.0, 1.0]]])
    made = bound("smooth", torch.eye(2), windows, "1:2")
    scores = made.masked(made.sites[0], windows).scores
    assert scores.tolist() == [[[2, 1], [0.5, 1]], [[1, 4], [1, 0.25]]]
    assert output(made, windows).tolist() == [[[4, 0], [0, 1]], [[0, 16], [1, 0]]]


def test_smoothing_changes_nothing_when_everything_is_kept() -> None:
    weight, x = torch.randn(5, 8), torch.randn(4, 8)
    made = bound("smooth", weight, x, pattern="4:4")
    assert torch.allclose(output(made, x), x @ weight.T, atol=1e-5)


def test_it_is_undone_exactly_where_everything_is_kept() -> None:
    x = torch.stack([TOKEN, torch.full((32,), 64.0)])  # scales 1 and 1/4
    weight = (64 * FOURTH**2).diag()
    made = bound("smooth", weight, x, "32:32", bias=BIAS)
    assert torch.equal(output(made, x), x * weight.diagonal() + BIAS)


def test_silent_channels_do_no_harm() -> None:
    x = tensor([[0.0, 1.0, 2.0, 3.0]])
    for weight in (torch.eye(4), torch.zeros(2, 4)):
        assert output(bound("smooth", weight, x), x).isfinite().all()


def test_it_has_no_settings() -> None:
    assert_refused("no setting of smooth 'alpha'", mitigations="smooth(alpha=0.5)")


@pytest.mark.parametrize("criterion", ["amber", "wina", "var-weight", "gradient"])
def test_channels_are_not_weighed_by_weights_they_no_longer_meet(criterion: str) -> None:
    says = f"smooth and {criterion} do not go together: the weights are scaled"
    assert_refused(says, criterion=criterion, mitigations="smooth")
