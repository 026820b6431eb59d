"""var: kept * sqrt(Var(x') / Var(kept)), per token, unbiased, zeros included."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import tensor

from methods.by_hand import BIAS, KEPT, TOKEN, assert_refused, bits, bound, by_pattern, output
from nmviz.methods.mitigations import At, VarianceCorrection

# Var(TOKEN) = 10416 / 31. What is kept adds up to s and its squares to q, so the factor is
# sqrt(10416 / (q - s^2 / 32)); in order q, s are 5957, 55; 8990, -16; 10225, -21; 9017, 11;
# 9052, 10; 9176, 10 twice; 7105, 51.
FACTOR = {
    "1:4": 1.33293882,
    "2:4": 1.07687169,
    "3:4": 1.00997749,
    "4:8": 1.07500511,
    "8:16": 1.07288504,
    "16:32": 1.06560868,
    "50%": 1.06560868,
    "70%": 1.21777465,
}


@by_pattern(FACTOR)
def test_what_is_kept_is_scaled_by_hand(pattern: str, kept: float) -> None:
    made = bound("var", torch.eye(32), TOKEN[None], pattern, bias=BIAS)
    mask = bits(KEPT[pattern])
    assert made.masked(made.sites[0], TOKEN[None]).mask.int().tolist() == mask.tolist()
    by_hand = TOKEN * mask * kept + BIAS  # the bias is not scaled
    assert torch.allclose(output(made, TOKEN[None]), by_hand, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("pattern", ["1:4", "3:4"])
def test_the_factor_by_hand_where_n_is_not_half_of_m(pattern: str) -> None:
    x = tensor([[3.0, 1.0, -5.0, -1.0]])
    kept = {"1:4": tensor([[0.0, 0.0, -5.0, 0.0]]), "3:4": tensor([[3.0, 1.0, -5.0, 0.0]])}[pattern]
    factor = (x.var() / kept.var()).sqrt()
    # Squares 36, sum -2: 36 - 4/4 = 35. Kept: 25 - 25/4 = 18.75, and 35 - 1/4 = 34.75.
    assert factor.item() == pytest.approx({"1:4": 1.36626010, "3:4": 1.00359069}[pattern])
    assert torch.allclose(output(bound("var", torch.eye(4), x, pattern), x), kept * factor)


def test_every_token_has_its_own_factor() -> None:
    # Squares and sums 36, -2 over 34, -2; and a token without any variance: its factor is 0.
    x = tensor([[3.0, 1.0, -5.0, -1.0], [2.0, 2.0, 2.0, 2.0]])
    found = output(bound("var", torch.eye(4), x, "2:4"), x)
    factor = (35 / 33) ** 0.5
    assert found[0].tolist() == pytest.approx([3 * factor, 0, -5 * factor, 0])
    assert found[1].tolist() == [0, 0, 0, 0]


def test_ties_go_to_the_lower_index() -> None:
    # 2 and -2 of 2, -2, 2, 1 are kept: Var 13 - 9/4 over 8 - 0
    x = tensor([[2.0, -2.0, 2.0, 1.0]])
    found = output(bound("var", torch.eye(4), x, "2:4"), x)
    factor = (10.75 / 8) ** 0.5
    assert found[0].tolist() == pytest.approx([2 * factor, -2 * factor, 0, 0])


def test_a_token_of_zeros_stays_one() -> None:
    assert output(
        bound("var", torch.eye(4), TOKEN[:4][None], "2:4"), torch.zeros(1, 4)
    ).tolist() == [[0, 0, 0, 0]]


def test_the_variance_of_what_was_kept_is_restored() -> None:
    x = tensor([[1.0, -2.0, 3.0, -4.0]])
    kept = tensor([[0.0, 0.0, 3.0, -4.0]])
    repaired = VarianceCorrection().kept(x, kept, At(torch.zeros(1, 4), {}))
    # Var(x) = 29/3 about the mean -1/2: (30 - 1) / 3; Var(kept) = (25 - 1/4) / 3
    assert repaired[0, 2].item() == pytest.approx(3 * (29 / 24.75) ** 0.5, rel=1e-6)
    assert repaired.var().item() == pytest.approx(x.var().item(), rel=1e-6)
    assert repaired[0, :2].tolist() == [0, 0]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_variance_is_restored(seed: int) -> None:
    x = torch.randn(6, 16, generator=torch.Generator().manual_seed(seed))
    made = bound("var", torch.eye(16), x)
    assert torch.allclose(output(made, x).var(-1), x.var(-1), rtol=1e-4)


def test_where_everything_is_kept_the_factor_is_one() -> None:
    made = bound("var", torch.eye(32), TOKEN[None], "32:32", bias=BIAS)
    assert torch.equal(output(made, TOKEN[None]), TOKEN[None] + BIAS)


def test_it_scales_the_shifted_token_and_never_the_shift() -> None:
    # 7 is taken away before and put back after: what is dropped is 7, what is kept 7 + 1.33 x'
    x = TOKEN[None] + 7
    made = bound("d-pts,var", torch.eye(32), x, "1:4", bias=BIAS)
    by_hand = TOKEN * bits(KEPT["1:4"]) * FACTOR["1:4"] + 7 + BIAS
    assert torch.allclose(output(made, x), by_hand, atol=1e-4)


def test_it_has_no_settings() -> None:
    assert_refused("no setting of var 'rank'", mitigations="var(rank=2)")
    assert_refused("named twice", mitigations="var,var")
