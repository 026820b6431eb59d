"""gradient: S = |x_j| * the root mean square of the loss's gradient on the channel."""

from torch import Tensor, tensor

from methods.by_hand import (
    FOURTH,
    KEPT_FOURTH,
    TOKEN,
    assert_kept,
    assert_refused,
    by_pattern,
    site_of,
)
from nmviz.core.experiment import Experiment
from nmviz.engine.prune.activations import PrunedActivations

X = tensor([[3.0, -5.0, 1.0, 6.0], [4.0, 12.0, -1.0, 8.0]])
W = tensor([[2.0, 1.0, 3.0, 1.0], [0.0, 0.0, 4.0, -1.0]])


def bound(
    pattern: str, rms: Tensor, weight: Tensor, bias: Tensor | None = None
) -> PrunedActivations:
    """Bound to a layer whose gradients have this root mean square, [d_in].

    How it comes from text is tested on a model, in integration/test_calibration.py.
    """
    site = site_of(weight, bias)
    pruned = PrunedActivations(Experiment(criterion="gradient", pattern=pattern), [site])
    pruned.states[site]["gradient"] = {"rms": rms}
    return pruned


@by_pattern(KEPT_FOURTH)
def test_what_is_kept_by_hand(pattern: str, kept: str) -> None:
    weight = tensor([[1.0] * 32, [2.0] * 32])
    made = bound(pattern, 0.5 * FOURTH, weight, tensor([1.0, -2.0]))
    assert_kept(made, TOKEN[None], kept)


def test_the_scores_by_hand() -> None:
    made = bound("2:4", tensor([4.0, 1.0, 0.5, 0.0]), W)
    by_hand = [[12.0, 5.0, 0.5, 0.0], [16.0, 12.0, 0.5, 0.0]]
    assert made.masked(made.sites[0], X).scores.tolist() == by_hand


def test_gradient_weighs_by_the_state_it_was_given() -> None:
    pruned = bound("1:4", tensor([100.0, 1.0, 1.0, 1.0]), W)
    assert pruned.masked(pruned.sites[0], X).mask.int().tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]


def test_ties_go_to_the_lower_index() -> None:
    rms = tensor([1.0, 2.0, 0.0, 4.0])  # 4, 4, 0, 4
    x = tensor([[4.0, -2.0, 9.0, 1.0]])
    assert_kept(bound("1:4", rms, W), x, "1000")
    assert_kept(bound("2:4", rms, W), x, "1100")
    assert_kept(bound("3:4", rms, W), x, "1101")
    assert_kept(bound("70%", rms, W), x, "1100")  # floor(2.8) = 2 dropped


def test_it_has_no_settings_and_needs_text() -> None:
    assert_refused("no setting of gradient 'over'", criterion="gradient(over=token)")
    assert_refused("at least one calibration window", criterion="gradient", calibration_windows=0)


def test_turned_or_scaled_inputs_are_refused() -> None:
    for mitigation in ("la-rosa", "smooth"):
        says = f"{mitigation} and gradient do not go together"
        assert_refused(says, criterion="gradient", mitigations=mitigation)
