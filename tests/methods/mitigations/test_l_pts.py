"""l-pts: input, Y = ((X - eta) * M + eta) W^T; output, Y = (X * M) W^T + beta; trained.

How the vectors are trained is tested on a model, in integration/test_calibration.py.
"""

import pytest
import torch
from torch import Tensor, tensor

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
from nmviz.core.experiment import Experiment

ETA = torch.arange(32.0) - 9  # one number a channel
HERE = tensor([[3.0, 1.0, -5.0, -1.0]])


@by_pattern(KEPT)
def test_what_is_kept_by_hand(pattern: str, kept: str) -> None:
    # TOKEN + ETA less ETA is TOKEN: what is dropped becomes ETA.
    x, mask = (TOKEN + ETA)[None], bits(kept)
    made = bound("l-pts", torch.eye(32), x, pattern, bias=BIAS)
    state_of(made, "l-pts")["shift"] += ETA
    assert made.masked(made.sites[0], x).mask.int().tolist() == mask.tolist()
    assert torch.allclose(output(made, x), torch.where(mask == 1, x, ETA) + BIAS, atol=1e-5)


@by_pattern(KEPT)
def test_a_shift_of_the_output_by_hand(pattern: str, kept: str) -> None:
    # Two outputs, the sum of what is kept and minus it; beta is (5, -3), the bias (100, 200).
    made = bound(
        "l-pts(where=output)",
        torch.stack([torch.ones(32), -torch.ones(32)]),
        TOKEN[None],
        pattern,
        bias=tensor([100.0, 200.0]),
    )
    state_of(made, "l-pts")["shift"] += tensor([5.0, -3.0])
    # what is kept adds up to
    total = {"1:4": 55, "2:4": -16, "3:4": -21, "4:8": 11, "8:16": 10, "16:32": 10, "50%": 10}
    total["70%"] = 51
    by_hand = [[total[pattern] + 105, 197 - total[pattern]]]
    assert made.masked(made.sites[0], TOKEN[None]).mask.int().tolist() == bits(kept).tolist()
    assert output(made, TOKEN[None]).tolist() == by_hand


@pytest.mark.parametrize("pattern", ["1:4", "3:4"])
def test_what_is_kept_by_hand_where_n_is_not_half_of_m(pattern: str) -> None:
    kept = {"1:4": [0, 0, -5, 0], "3:4": [3, 1, -5, 0]}[pattern]  # 1 ties with -1
    made = bound("l-pts", torch.eye(4), HERE, pattern)
    assert output(made, HERE)[0].tolist() == pytest.approx(kept)


def test_ties_after_the_shift_go_to_the_lower_index() -> None:
    made = bound("l-pts", torch.eye(4), HERE, "2:4")
    state_of(made, "l-pts")["shift"] += tensor([1.0, 1.0, -3.0, 1.0])
    # less the shift 2, 0, -2, -2: the first two of size 2
    assert output(made, HERE).tolist() == [[3, 1, -5, 1]]


def started(mitigation: str, weight: Tensor, x: Tensor) -> Tensor:
    return output(bound(mitigation, weight, x), x)


def test_learned_vectors_start_as_nothing_and_do_what_the_formula_says() -> None:
    weight, x = torch.randn(3, 8), torch.randn(4, 8)
    plain = started("", weight, x)
    for name in ("l-pts", "l-pts(where=output)"):
        assert torch.equal(started(name, weight, x), plain)
    moved = bound("l-pts(where=output)", weight, x)
    moved.states[moved.sites[0]]["l-pts"]["shift"] += 5
    assert torch.allclose(output(moved, x), plain + 5)


def test_the_vector_is_as_wide_as_what_it_shifts() -> None:
    weight, x = torch.ones(3, 8), torch.ones(4, 8)
    assert state_of(bound("l-pts", weight, x), "l-pts")["shift"].tolist() == [0.0] * 8
    at_the_end = bound("l-pts(where=output)", weight, x)
    assert state_of(at_the_end, "l-pts")["shift"].tolist() == [0.0] * 3


def test_it_is_undone_exactly_where_everything_is_kept() -> None:
    x = (TOKEN + ETA)[None]
    made = bound("l-pts", torch.eye(32), x, "32:32", bias=BIAS)
    state_of(made, "l-pts")["shift"] += ETA
    assert torch.equal(output(made, x), x + BIAS)


def test_settings_without_a_meaning_are_refused() -> None:
    assert_refused("at least 0", mitigations="l-pts(rate=-1)")
    assert_refused("not finite", mitigations="l-pts(rate=inf)")
    assert_refused("at least 1", mitigations="l-pts(epochs=0)")
    assert_refused("where=bias is not one of input, output", mitigations="l-pts(where=bias)")
    assert_refused("at least one calibration window", mitigations="l-pts", calibration_windows=0)
    together = "ls,l-pts(where=output, epochs=5)"
    assert_refused("give them the same epochs", mitigations=together)


@pytest.mark.parametrize("pair", ["s-pts,l-pts", "l-pts,d-pts"])
def test_two_shifts_are_refused_with_the_reason(pair: str) -> None:
    assert_refused("do not go together: both shift the input before the mask", mitigations=pair)


def test_an_added_bias_is_no_shift_of_the_input() -> None:
    chosen = Experiment.build(mitigations="d-pts,l-pts(where=output)")
    assert chosen.mitigations == ("d-pts", "l-pts(where=output)")
