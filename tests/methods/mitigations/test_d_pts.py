"""d-pts: Y = ((X - eta) * M + eta) W^T, eta the median or the mean of the token."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import tensor

from methods.by_hand import BIAS, KEPT, TOKEN, assert_refused, bits, bound, by_pattern, output
from nmviz.methods.mitigations import At, DynamicShift


@by_pattern(KEPT)
@pytest.mark.parametrize("centre", ["median", "mean"])
def test_what_is_kept_by_hand(pattern: str, kept: str, centre: str) -> None:
    # Lower median and mean of TOKEN + 7 are 7: what is dropped becomes 7.
    x = TOKEN[None] + 7
    made = bound(f"d-pts(centre={centre})", torch.eye(32), x, pattern, bias=BIAS)
    mask = bits(kept)
    assert made.masked(made.sites[0], x).mask.int().tolist() == mask.tolist()
    assert torch.allclose(output(made, x), torch.where(mask == 1, x, 7) + BIAS, atol=1e-5)


@pytest.mark.parametrize("pattern", ["1:4", "3:4"])
@pytest.mark.parametrize("shift", ["d-pts", "d-pts(centre=mean)"])
def test_what_is_kept_by_hand_where_n_is_not_half_of_m(pattern: str, shift: str) -> None:
    x = tensor([[3.0, 1.0, -5.0, -1.0]])  # lower median -1, mean -1/2
    eta = {"d-pts": -1.0, "d-pts(centre=mean)": -0.5}[shift]
    kept = {
        -1.0: {"1:4": [4, 0, 0, 0], "3:4": [4, 2, -4, 0]},  # of 4, 2, -4, 0: 4 ties with -4
        -0.5: {"1:4": [0, 0, -4.5, 0], "3:4": [3.5, 1.5, -4.5, 0]},
    }[eta][pattern]
    made = bound(shift, torch.eye(4), x, pattern)
    assert output(made, x)[0].tolist() == pytest.approx([value + eta for value in kept])


def test_the_centre_is_each_tokens_own() -> None:
    # Medians 2 and 20: 1, 2, 9, 8 less 2 is -1, 0, 7, 6; 30, 20, 10, 40 less 20 is 10, 0, -10, 20
    x = tensor([[1.0, 2.0, 9.0, 8.0], [30.0, 20.0, 10.0, 40.0]])
    made = bound("d-pts", torch.eye(4), x, "2:4")
    assert output(made, x).tolist() == [[2, 2, 9, 8], [30, 20, 20, 40]]  # 10 ties with -10


def test_ties_after_the_shift_go_to_the_lower_index() -> None:
    x = tensor([[5.0, 1.0, 3.0, 3.0]])  # less 3: 2, -2, 0, 0
    made = bound("d-pts", torch.eye(4), x, "1:4")
    assert made.masked(made.sites[0], x).mask.int().tolist() == [[1, 0, 0, 0]]
    assert output(made, x).tolist() == [[5, 3, 3, 3]]


def test_the_shift_is_the_lower_median_and_is_put_back() -> None:
    x = tensor([[1.0, 2.0, 3.0, 10.0], [5.0, 5.0, 5.0, 5.0]])
    shifted, undo = DynamicShift().before(x, At(torch.zeros(1, 4), {}))
    assert shifted.tolist() == [[-1.0, 0.0, 1.0, 8.0], [0.0, 0.0, 0.0, 0.0]]
    assert undo is not None
    assert undo(shifted).tolist() == x.tolist()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from(["median", "mean"]))
def test_a_constant_row_is_exact_under_a_dynamic_shift(seed: int, centre: str) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(3, 8, generator=generator)
    x = torch.randn(5, 1, generator=generator).repeat(1, 8)
    made = bound(f"d-pts(centre={centre})", weight, x)
    assert torch.allclose(output(made, x), x @ weight.T, atol=1e-5)


@pytest.mark.parametrize("centre", ["median", "mean"])
def test_it_is_undone_exactly_where_everything_is_kept(centre: str) -> None:
    x = TOKEN[None] + 7
    made = bound(f"d-pts(centre={centre})", torch.eye(32), x, "32:32", bias=BIAS)
    assert torch.equal(output(made, x), x + BIAS)


def test_settings_without_a_meaning_are_refused() -> None:
    assert_refused("centre=mode is not one of median, mean", mitigations="d-pts(centre=mode)")
    assert_refused("named twice", mitigations="d-pts,d-pts(centre=mean)")


@pytest.mark.parametrize("pair", ["d-pts,s-pts", "s-pts,d-pts", "l-pts,d-pts", "d-pts,l-pts"])
def test_two_shifts_are_refused_with_the_reason(pair: str) -> None:
    assert_refused("do not go together: both shift the input before the mask", mitigations=pair)
