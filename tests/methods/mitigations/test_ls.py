"""ls: Y = (X * M) W^T * (1 + gamma), gamma a trained vector over the outputs.

How it is trained is tested on a model, in integration/test_calibration.py.
"""

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
from nmviz.core.experiment import Experiment


@by_pattern(KEPT)
def test_what_is_kept_is_scaled_by_hand(pattern: str, kept: str) -> None:
    # The even outputs are scaled by 1.5, the odd ones by 0.25; the bias by nothing.
    made = bound("ls", torch.eye(32), TOKEN[None], pattern, bias=BIAS)
    state_of(made, "ls")["gamma"] += tensor([0.5, -0.75]).repeat(16)
    mask, factor = bits(kept), tensor([1.5, 0.25]).repeat(16)
    assert made.masked(made.sites[0], TOKEN[None]).mask.int().tolist() == mask.tolist()
    assert torch.equal(output(made, TOKEN[None]), TOKEN * mask * factor + BIAS)


@pytest.mark.parametrize("pattern", ["1:4", "3:4"])
def test_scales_by_hand_where_n_is_not_half_of_m(pattern: str) -> None:
    x = tensor([[3.0, 1.0, -5.0, -1.0]])  # 1 ties with -1: the lower index
    kept = {"1:4": tensor([[0.0, 0.0, -5.0, 0.0]]), "3:4": tensor([[3.0, 1.0, -5.0, 0.0]])}[pattern]
    made = bound("ls", torch.eye(4), x, pattern)
    made.states[made.sites[0]]["ls"]["gamma"] += 1
    assert torch.allclose(output(made, x), 2 * kept)


def test_ties_go_to_the_lower_index() -> None:
    x = tensor([[2.0, -2.0, 2.0, 1.0]])
    made = bound("ls", torch.ones(1, 4), x, "1:4", bias=tensor([10.0]))
    state_of(made, "ls")["gamma"] += 3
    assert output(made, x).tolist() == [[18.0]]  # 2 * 4 + 10


def test_learned_vectors_start_as_nothing_and_do_what_the_formula_says() -> None:
    weight, x = torch.randn(3, 8), torch.randn(4, 8)
    plain = output(bound("", weight, x), x)
    assert torch.equal(output(bound("ls", weight, x), x), plain)
    scaled = bound("ls", weight, x)
    scaled.states[scaled.sites[0]]["ls"]["gamma"] += tensor([1.0, 0.0, -1.0])
    assert torch.allclose(output(scaled, x), plain * tensor([2.0, 1.0, 0.0]))


def test_where_everything_is_kept_the_layer_is_the_dense_one_until_it_is_trained() -> None:
    made = bound("ls", torch.eye(32), TOKEN[None], "32:32", bias=BIAS)
    assert torch.equal(output(made, TOKEN[None]), TOKEN[None] + BIAS)
    assert state_of(made, "ls")["gamma"].tolist() == [0.0] * 32


@pytest.mark.parametrize(("order", "by_hand"), [("ls,l-pts", 13.0), ("l-pts,ls", 16.0)])
def test_it_scales_what_the_steps_before_it_left(order: str, by_hand: float) -> None:
    # 5 is kept; scaled by 2 and then 3 more, or 3 more and then scaled by 2
    x = tensor([[5.0, 0.0, 0.0, 0.0]])
    made = bound(order.replace("l-pts", "l-pts(where=output)"), torch.ones(1, 4), x, "1:4")
    state_of(made, "ls")["gamma"] += 1
    state_of(made, "l-pts")["shift"] += 3
    assert output(made, x).tolist() == [[by_hand]]


def test_settings_without_a_meaning_are_refused() -> None:
    assert_refused("at least 1", mitigations="ls(epochs=0)")
    assert_refused("not finite", mitigations="ls(rate=inf)")
    assert_refused("at least 0", mitigations="ls(rate=-0.1)")
    assert_refused("at least one calibration window", mitigations="ls", calibration_windows=0)
    together = "ls,l-pts(where=output, epochs=5)"
    assert_refused("give them the same epochs", mitigations=together)
    assert Experiment.build(mitigations="ls(epochs=5),l-pts(epochs=5)").mitigations == (
        "ls(epochs=5)",
        "l-pts(epochs=5)",
    )
