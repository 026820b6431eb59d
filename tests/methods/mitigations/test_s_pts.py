"""s-pts: Y = ((X - eta) * M + eta) W^T, eta fixed from calibration text."""

import pytest
import torch
from torch import tensor

from methods.by_hand import (
    BIAS,
    KEPT,
    TOKEN,
    assert_refused,
    bits,
    bound,
    by_pattern,
    output,
    state_of,
)


@by_pattern(KEPT)
def test_what_is_kept_by_hand(pattern: str, kept: str) -> None:
    # Medians of the calibration text are 5 and 9, so eta is 7: what is dropped becomes 7.
    x, mask = TOKEN[None] + 7, bits(kept)
    made = bound("s-pts", torch.eye(32), torch.stack([TOKEN + 5, TOKEN + 9]), pattern, bias=BIAS)
    assert made.masked(made.sites[0], x).mask.int().tolist() == mask.tolist()
    assert torch.allclose(output(made, x), torch.where(mask == 1, x, 7) + BIAS, atol=1e-5)


@by_pattern(KEPT)
def test_a_shift_a_channel_by_hand(pattern: str, kept: str) -> None:
    # The mean over tokens is 1.5 TOKEN; 2.5 TOKEN less it is TOKEN: what is dropped becomes it.
    x, mask = 2.5 * TOKEN[None], bits(kept)
    text = torch.stack([TOKEN, 2 * TOKEN])
    made = bound("s-pts(per=channel)", torch.eye(32), text, pattern, bias=BIAS)
    assert made.masked(made.sites[0], x).mask.int().tolist() == mask.tolist()
    assert torch.allclose(output(made, x), torch.where(mask == 1, x, 1.5 * TOKEN) + BIAS)


@pytest.mark.parametrize("pattern", ["1:4", "3:4"])
def test_what_is_kept_by_hand_where_n_is_not_half_of_m(pattern: str) -> None:
    x = tensor([[3.0, 1.0, -5.0, -1.0]])  # lower median -1
    kept = {"1:4": [4, 0, 0, 0], "3:4": [4, 2, -4, 0]}[pattern]  # of 4, 2, -4, 0: 4 ties with -4
    made = bound("s-pts", torch.eye(4), x, pattern)
    assert output(made, x)[0].tolist() == pytest.approx([value - 1 for value in kept])


def test_the_static_shift_is_one_number_or_one_a_channel() -> None:
    x = tensor([[1.0, 2.0, 3.0, 10.0], [5.0, 6.0, 7.0, 0.0]])  # medians 2 and 5
    one = bound("s-pts", torch.ones(1, 4), x)
    assert one.states[one.sites[0]]["s-pts"]["eta"].tolist() == [3.5]
    each = bound("s-pts(per=channel)", torch.ones(1, 4), x)
    assert each.states[each.sites[0]]["s-pts"]["eta"].tolist() == [3.0, 4.0, 5.0, 5.0]
    shifted = x - 3.5
    top = shifted.abs().topk(2, -1).indices
    kept = torch.zeros_like(x).scatter(-1, top, shifted.gather(-1, top)) + 3.5
    assert torch.allclose(output(one, x)[:, 0], kept.sum(-1))


def test_other_tokens_are_shifted_by_the_same_number() -> None:
    made = bound("s-pts", torch.eye(4), tensor([[1.0, 2.0, 3.0, 10.0]]), "2:4")  # eta 2
    x = tensor([[2.0, 2.0, 2.0, 2.0], [100.0, 0.0, 4.0, 0.0]])
    # 0, 0, 0, 0 and 98, -2, 2, -2, where -2 comes before 2
    assert output(made, x).tolist() == [[2, 2, 2, 2], [100, 0, 2, 2]]
    assert state_of(made, "s-pts")["eta"].tolist() == [2.0]


@pytest.mark.parametrize("per", ["site", "channel"])
def test_it_is_undone_exactly_where_everything_is_kept(per: str) -> None:
    x = TOKEN[None] + 7
    made = bound(f"s-pts(per={per})", torch.eye(32), x, "32:32", bias=BIAS)
    assert torch.equal(output(made, x), x + BIAS)


def test_settings_without_a_meaning_are_refused() -> None:
    assert_refused("per=token is not one of site, channel", mitigations="s-pts(per=token)")
    assert_refused("at least one calibration window", mitigations="s-pts", calibration_windows=0)


@pytest.mark.parametrize("pair", ["d-pts,s-pts", "s-pts,l-pts", "l-pts,s-pts"])
def test_two_shifts_are_refused_with_the_reason(pair: str) -> None:
    assert_refused("do not go together: both shift the input before the mask", mitigations=pair)
