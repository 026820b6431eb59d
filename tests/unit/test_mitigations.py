"""Mitigations against values worked out by hand, and the algebra they must obey."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_activation_criteria import site_of
from torch import Tensor, tensor
from torch.nn import functional

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.prune.activations import PrunedActivations


def bound(mitigations: str, weight: Tensor, x: Tensor, pattern: str = "2:4") -> PrunedActivations:
    site = site_of(weight)
    experiment = Experiment.build(pattern=pattern, mitigations=mitigations)
    made = PrunedActivations(experiment, [site])
    made.calibrate(site, x)
    return made


def output(made: PrunedActivations, x: Tensor) -> Tensor:
    return made.forward(made.sites[0], x)


seeds = st.integers(0, 10**6)


@settings(deadline=None, max_examples=30)
@given(seeds, st.sampled_from(["median", "mean"]))
def test_a_constant_row_is_exact_under_a_dynamic_shift(seed: int, centre: str) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(3, 8, generator=generator)
    x = torch.randn(5, 1, generator=generator).repeat(1, 8)
    made = bound(f"d-pts(centre={centre})", weight, x)
    assert torch.allclose(output(made, x), x @ weight.T, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_full_rank_makes_r_sparse_exact(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for shape in ((6, 8), (8, 8), (12, 8)):
        weight, x = torch.randn(shape, generator=generator), torch.randn(4, 8, generator=generator)
        made = bound("r-sparse(rank=8)", weight, x)
        assert torch.allclose(output(made, x), x @ weight.T, atol=1e-4)


def test_r_sparse_is_the_truncated_singular_value_decomposition() -> None:
    for shape in ((20, 16), (10, 16)):
        weight, x = torch.randn(shape), torch.randn(7, 16)
        made = bound("r-sparse(rank=3)", weight, x)
        u, s, v = torch.linalg.svd(weight, full_matrices=False)
        low = u[:, :3] * s[:3] @ v[:3]
        mask = made.masked(made.sites[0], x).mask
        expected = (x * mask) @ weight.T + (x * ~mask) @ low.T
        assert torch.allclose(output(made, x), expected, atol=1e-4)


@pytest.mark.parametrize("pattern", ["1:4", "3:4"])
@pytest.mark.parametrize("shift", ["d-pts", "d-pts(centre=mean)", "s-pts", "l-pts", "smooth"])
def test_what_is_kept_by_hand_where_n_is_not_half_of_m(pattern: str, shift: str) -> None:
    x = tensor([[3.0, 1.0, -5.0, -1.0]])  # lower median -1, mean -1/2
    eta = {"d-pts": -1.0, "s-pts": -1.0, "d-pts(centre=mean)": -0.5}.get(shift, 0.0)
    kept = {
        -1.0: {"1:4": [[0, 0, -4, 0]], "3:4": [[4, 2, -4, 0]]},  # of 4, 2, -4, 0: 4 ties with -4
        -0.5: {"1:4": [[0, 0, -4.5, 0]], "3:4": [[3.5, 1.5, -4.5, 0]]},
        0.0: {"1:4": [[0, 0, -5, 0]], "3:4": [[3, 1, -5, 0]]},
    }[eta][pattern]
    if (eta, pattern) == (-1.0, "1:4"):
        kept = [[4, 0, 0, 0]]  # the lower index
    made = bound(shift, torch.eye(4), x, pattern)
    assert output(made, x)[0].tolist() == pytest.approx([value + eta for value in kept[0]])


@pytest.mark.parametrize("pattern", ["1:4", "3:4"])
def test_scales_and_ranks_by_hand_where_n_is_not_half_of_m(pattern: str) -> None:
    x = tensor([[3.0, 1.0, -5.0, -1.0]])
    kept = {"1:4": tensor([[0.0, 0.0, -5.0, 0.0]]), "3:4": tensor([[3.0, 1.0, -5.0, 0.0]])}[pattern]
    factor = (x.var() / kept.var()).sqrt()
    assert torch.allclose(output(bound("var", torch.eye(4), x, pattern), x), kept * factor)
    made = bound("ls", torch.eye(4), x, pattern)
    made.states[made.sites[0]]["ls"]["gamma"] += 1
    assert torch.allclose(output(made, x), 2 * kept)
    weight = torch.diag(tensor([1.0, 2.0, 3.0, 4.0]))  # rank 1 of it is the last channel alone
    expected = kept @ weight + (x - kept) @ torch.diag(tensor([0.0, 0.0, 0.0, 4.0]))
    assert torch.allclose(output(bound("r-sparse(rank=1)", weight, x, pattern), x), expected)


def test_a_rotation_by_hand_where_n_is_not_half_of_m() -> None:
    x = tensor([[3.0, 1.0, -5.0, -1.0], [1.0, 0.0, 2.0, 4.0]])
    made = bound("la-rosa", torch.eye(4), x, "1:4")
    turn = torch.linalg.qr(torch.randn(4, 4)).Q
    made.states[made.sites[0]]["la-rosa"]["rotation"] = turn
    turned = x @ turn
    top = turned.abs().argmax(-1, keepdim=True)
    kept = torch.zeros_like(x).scatter(-1, top, turned.gather(-1, top))
    assert torch.allclose(output(made, x), kept @ turn.T, atol=1e-6)


def test_maxima_of_the_smoothing_are_those_of_one_window() -> None:
    windows = torch.randn(3, 5, 8) * tensor([1.0, 10.0, 100.0])[:, None, None]
    weight = torch.randn(4, 8)
    made = bound("smooth,s-pts(per=channel)", weight, windows)
    scale = (windows.abs().amax(-2, keepdim=True) / weight.abs().amax(0)).sqrt()
    eta = made.states[made.sites[0]]["s-pts"]["eta"]
    assert torch.allclose(eta, (windows / scale).mean((0, 1)), rtol=1e-4)


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_variance_is_restored(seed: int) -> None:
    x = torch.randn(6, 16, generator=torch.Generator().manual_seed(seed))
    made = bound("var", torch.eye(16), x)
    assert torch.allclose(output(made, x).var(-1), x.var(-1), rtol=1e-4)


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


def test_smoothing_scales_by_the_maxima() -> None:
    x = tensor([[8.0, 1.0, 2.0, 0.5], [-2.0, 4.0, 1.0, 0.5]])  # maxima 8, 4, 2, 0.5
    weight = tensor([[2.0, 1.0, 0.0, 2.0], [-1.0, 0.5, 0.5, 1.0]])  # maxima 2, 1, 0.5, 2
    made = bound("smooth", weight, x)
    scores = made.masked(made.sites[0], x).scores  # s = 2, 2, 2, 0.5
    assert torch.allclose(scores, tensor([[4.0, 0.5, 1.0, 1.0], [1.0, 2.0, 0.5, 1.0]]))
    kept = x * tensor([[1, 0, 1, 0], [1, 1, 0, 0]])  # 1 and 1 tie: the lower index
    assert torch.allclose(output(made, x), kept @ weight.T)


def test_smoothing_changes_nothing_when_everything_is_kept() -> None:
    weight, x = torch.randn(5, 8), torch.randn(4, 8)
    made = bound("smooth", weight, x, pattern="4:4")
    assert torch.allclose(output(made, x), x @ weight.T, atol=1e-5)


def test_learned_vectors_start_as_nothing_and_do_what_the_formula_says() -> None:
    weight, x = torch.randn(3, 8), torch.randn(4, 8)
    plain = output(bound("", weight, x), x)
    for name in ("l-pts", "l-pts(where=output)", "ls"):
        assert torch.equal(output(bound(name, weight, x), x), plain)
    scaled, moved = bound("ls", weight, x), bound("l-pts(where=output)", weight, x)
    scaled.states[scaled.sites[0]]["ls"]["gamma"] += tensor([1.0, 0.0, -1.0])
    assert torch.allclose(output(scaled, x), plain * tensor([2.0, 1.0, 0.0]))
    moved.states[moved.sites[0]]["l-pts"]["shift"] += 5
    assert torch.allclose(output(moved, x), plain + 5)


def test_steps_stack_in_order_and_are_undone_in_reverse() -> None:
    weight, x = torch.randn(3, 8), torch.randn(6, 8) + 2
    made = bound("smooth,d-pts,var", weight, x)
    scale = (x.abs().amax(0) / weight.abs().amax(0)).sqrt()
    even = x / scale
    eta = even.median(-1, keepdim=True).values
    shifted = even - eta
    blocks = shifted.view(6, 2, 4)
    top = blocks.abs().topk(2, -1).indices
    kept = torch.zeros_like(blocks).scatter(-1, top, blocks.gather(-1, top)).view(6, 8)
    kept = kept * (shifted.var(-1, keepdim=True) / kept.var(-1, keepdim=True)).sqrt()
    expected = functional.linear((kept + eta) * scale, weight)
    assert torch.allclose(output(made, x), expected, atol=1e-5)


@pytest.mark.parametrize("pair", ["d-pts,s-pts", "s-pts,l-pts", "l-pts,d-pts"])
def test_two_shifts_are_refused_with_the_reason(pair: str) -> None:
    with pytest.raises(UserError, match="do not go together: both shift the input"):
        Experiment.build(mitigations=pair)


def test_an_added_bias_is_no_shift_of_the_input() -> None:
    chosen = Experiment.build(mitigations="d-pts,l-pts(where=output)")
    assert chosen.mitigations == ("d-pts", "l-pts(where=output)")


@pytest.mark.parametrize("criterion", ["amber", "wina", "var-weight", "gradient"])
@pytest.mark.parametrize("mitigation", ["la-rosa", "smooth"])
def test_channels_are_not_weighed_by_weights_they_no_longer_meet(
    criterion: str, mitigation: str
) -> None:
    with pytest.raises(UserError, match=f"{mitigation} and {criterion} do not go together"):
        Experiment.build(criterion=criterion, mitigations=mitigation)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"mitigations": "r-sparse(rank=0)"}, "at least 1"),
        ({"mitigations": "ls(epochs=0)"}, "at least 1"),
        ({"mitigations": "ls,l-pts(where=output, epochs=5)"}, "give them the same epochs"),
        ({"mitigations": "l-pts(rate=-1)"}, "at least 0"),
        ({"mitigations": "ls(rate=inf)"}, "not finite"),
        ({"target": "weight", "criterion": "ria(power=nan)"}, "not finite"),
        ({"target": "weight", "criterion": "sparsegpt(damp=-1)"}, "at least 0"),
        ({"criterion": "random(seed=-1)"}, "at least 0"),
        ({"mitigations": "s-pts", "calibration_windows": 0}, "at least one calibration window"),
    ],
)
def test_settings_without_a_meaning_are_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Experiment.build(**fields)


def test_teal_at_n_of_m_is_refused_with_the_reason() -> None:
    with pytest.raises(UserError, match="works with a share such as 50% only, not with 2:4"):
        Experiment.build(criterion="teal", pattern="2:4")
