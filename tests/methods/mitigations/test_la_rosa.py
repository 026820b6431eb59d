"""la-rosa: Y = ((X Q) * M) (W Q)^T, Q the eigenvectors of the inputs' covariance."""

import pytest
import torch
from torch import Tensor, tensor

from methods.by_hand import (
    BIAS,
    TOKEN,
    assert_refused,
    bits,
    bound,
    by_pattern,
    output,
    state_of,
)

# Inputs vary most in channel 2, then 3, 4 ... 31, 0 and 1, so the turned token is TOKEN from
# channel 2 on with the first two at its end, each up to its sign, and the groups are channels 2-5,
# 6-9 ... 30, 31, 0, 1. Written by channels of the input.
KEPT = {
    "1:4": "0010 0001 0000 1000 0101 0010 0001 0001",
    "2:4": "0110 1001 0101 1010 0101 0110 1001 0101",
    "3:4": "0111 1011 0101 1110 1111 0111 1011 0111",
    "4:8": "0010 1001 0100 1010 1101 0110 1011 0101",
    "8:16": "0010 1001 0100 1010 1101 0110 1011 0101",
    "16:32": "0010 1001 0100 1010 1101 0110 1011 0101",
    "50%": "0010 1001 0100 1010 1101 0110 1011 0101",
    "70%": "0010 0001 0000 1010 0101 0010 1001 0100",
}


def text() -> Tensor:
    """Two tokens a channel, plus and minus its size, [64, 32]: the covariance is diagonal."""
    sizes = torch.cat([tensor([2.0, 1.0]), torch.arange(32.0, 2.0, -1.0)])  # 2 1 32 31 ... 3
    return torch.cat([sizes.diag(), -sizes.diag()])


@by_pattern(KEPT)
def test_what_is_kept_by_hand(pattern: str, kept: str) -> None:
    made = bound("la-rosa", torch.eye(32), text(), pattern, bias=BIAS)
    by_hand = TOKEN * bits(kept) + BIAS
    assert torch.allclose(output(made, TOKEN[None]), by_hand, atol=1e-4)


def test_the_directions_by_hand() -> None:
    # (2, 1), (-2, -1), (1, -2)/5, (-1, 2)/5 lie along (2, 1) and, less far, along (1, -2)
    x = tensor([[2.0, 1.0], [-2.0, -1.0], [0.2, -0.4], [-0.2, 0.4]]) + tensor([7.0, -3.0])
    made = bound("la-rosa", torch.eye(2), x, "1:2")
    rotation = state_of(made, "la-rosa")["rotation"]  # [d_in, directions], each up to its sign
    by_hand = tensor([[0.8944272, 0.4472136], [0.4472136, 0.8944272]])
    assert torch.allclose(rotation.abs(), by_hand)
    # (3, 4) is (10, -5) / sqrt(5) there: the first is kept, 2 * (2, 1)
    assert torch.allclose(output(made, tensor([[3.0, 4.0]])), tensor([[4.0, 2.0]]), atol=1e-5)


def test_a_rotation_by_hand_where_n_is_not_half_of_m() -> None:
    x = tensor([[3.0, 1.0, -5.0, -1.0], [1.0, 0.0, 2.0, 4.0]])
    made = bound("la-rosa", torch.eye(4), x, "1:4")
    turn = torch.linalg.qr(torch.randn(4, 4)).Q
    made.states[made.sites[0]]["la-rosa"]["rotation"] = turn
    turned = x @ turn
    top = turned.abs().argmax(-1, keepdim=True)
    kept = torch.zeros_like(x).scatter(-1, top, turned.gather(-1, top))
    assert torch.allclose(output(made, x), kept @ turn.T, atol=1e-6)


def test_ties_of_the_turned_token_go_to_its_lower_index() -> None:
    made = bound("la-rosa", torch.eye(4), torch.eye(4), "1:4")
    state_of(made, "la-rosa")["rotation"] = torch.eye(4).flip(0)  # the last channel first
    x = tensor([[2.0, -2.0, 2.0, 1.0]])  # turned 1, 2, -2, 2
    assert output(made, x).tolist() == [[0, 0, 2, 0]]
    assert made.masked(made.sites[0], x).mask.int().tolist() == [[0, 1, 0, 0]]
    assert made.masked(made.sites[0], x).turned


def test_a_rotation_changes_nothing_when_everything_is_kept() -> None:
    weight, x = torch.randn(5, 8), torch.randn(40, 8)
    made = bound("la-rosa", weight, x, pattern="4:4")
    assert torch.allclose(output(made, x), x @ weight.T, atol=1e-4)
    rotation = made.states[made.sites[0]]["la-rosa"]["rotation"]
    assert torch.allclose(rotation.T @ rotation, torch.eye(8), atol=1e-5)
    spread = ((x - x.mean(0)) @ rotation).var(0)
    assert (spread.diff() <= 1e-4).all(), "largest variance first"


def test_a_rotation_saves_inputs_that_lie_on_few_directions() -> None:
    x = torch.randn(60, 2) @ torch.randn(2, 8)  # two directions, four entries kept
    weight = torch.randn(5, 8)
    turned, plain = bound("la-rosa", weight, x), bound("", weight, x)
    dense = x @ weight.T
    assert (output(turned, x) - dense).norm() < 0.02 * (output(plain, x) - dense).norm()


def test_it_is_undone_exactly_where_everything_is_kept() -> None:
    made = bound("la-rosa", torch.eye(32), text(), "32:32", bias=BIAS)
    assert torch.allclose(output(made, TOKEN[None]), TOKEN[None] + BIAS, atol=1e-5)


def test_it_has_no_settings_and_needs_text() -> None:
    assert_refused("no setting of la-rosa 'rank'", mitigations="la-rosa(rank=3)")
    assert_refused("at least one calibration window", mitigations="la-rosa", calibration_windows=0)


@pytest.mark.parametrize("criterion", ["amber", "wina", "var-weight", "gradient"])
def test_channels_are_not_weighed_by_weights_they_no_longer_meet(criterion: str) -> None:
    says = f"la-rosa and {criterion} do not go together: the inputs are turned"
    assert_refused(says, criterion=criterion, mitigations="la-rosa")
