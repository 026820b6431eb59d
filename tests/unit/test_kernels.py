"""Compiled masks against plain torch: any N:M, any float width, ties, zeros, infinities."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from methods.by_hand import site_of
from torch import Tensor

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.prune import kernels
from nmviz.engine.prune.activations import PrunedActivations
from nmviz.engine.prune.kernels.packed import as_bits, from_bits, under_bits
from nmviz.engine.prune.kernels.whole import CHUNK
from nmviz.engine.prune.masking import prune, top_in_torch, weighted
from nmviz.methods.mitigations import At, VarianceCorrection
from nmviz.methods.patterns import parse_pattern

HERE = At(torch.zeros(1, 4), {})
WIDTHS = st.integers(1, kernels.NARROW) | st.integers(kernels.NARROW + 1, 200)


def plain(x: Tensor, channel: Tensor | None, keep: int, group: int) -> Tensor:
    """The reference: plain torch, no compiled code."""
    scores = weighted(x, channel).unflatten(-1, (-1, group))
    mask = torch.ones_like(scores, dtype=torch.bool)
    if keep < group:
        mask = top_in_torch(scores, keep)
    return torch.where(mask.flatten(-2), x, 0)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Tensor, Tensor | None, int, int]:
    group = draw(WIDTHS)
    keep = draw(st.integers(1, group))
    rows, groups = draw(st.integers(1, 70)), draw(st.integers(1, 5))
    dtype = draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    shape = (rows, groups * group)
    kind = draw(st.sampled_from(["normal", "ties", "zeros", "infinite", "tiny"]))
    x = torch.randn(shape, generator=generator)
    if kind == "ties":
        x = (2 * x).round()
    elif kind == "zeros":
        x = torch.where(x > 0.5, x, -0.0)
    elif kind == "infinite":
        x = torch.where(x > 1, torch.inf * x.sign(), x)
    elif kind == "tiny":
        x = x * 1e-42  # subnormal
    channel = {
        "none": None,
        "row": torch.rand(shape[1], generator=generator) + 0.1,
        "full": torch.rand(shape, generator=generator) + 0.1,
    }[draw(st.sampled_from(["none", "row", "full"]))]
    return x.to(dtype), None if channel is None else channel.to(dtype), keep, group


@settings(max_examples=150, deadline=None)
@given(cases())
def test_any_input_is_pruned_as_by_the_plain_path(case) -> None:
    x, channel, keep, group = case
    expected = plain(x, channel, keep, group)
    assert torch.equal(prune(x, channel, parse_pattern(f"{keep}:{group}")), expected)
    if kernels.fits(x):
        assert torch.equal(kernels.prune(x, channel, keep, group), expected)


@settings(max_examples=80, deadline=None)
@given(cases())
def test_any_scores_are_masked_as_by_the_plain_path(case) -> None:
    x, _, keep, group = case
    if not kernels.fits_scores(x) or keep == group:
        return
    blocks = x.unflatten(-1, (-1, group))
    assert torch.equal(kernels.keep_mask(blocks, keep, group), top_in_torch(blocks, keep))


def test_every_width_up_to_the_widest_runs_compiled() -> None:
    for group in range(1, kernels.NARROW + 1):
        x = torch.randn(130, 2 * group, generator=torch.Generator().manual_seed(group))
        keep = (group + 1) // 2
        assert torch.equal(kernels.prune(x, None, keep, group), plain(x, None, keep, group))


def test_two_threads_give_what_one_gives() -> None:
    x = torch.randn(600, 256, generator=torch.Generator().manual_seed(0))
    assert x.numel() > kernels.ALONE
    threads = torch.get_num_threads()
    try:
        made = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            once = (
                kernels.prune(x, None, 2, 4),
                kernels.repair(x, None, 2, 4, kernels.median(x), True),
            )
            made.append(torch.stack(once))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(made[0], other) for other in made)


@pytest.mark.parametrize("group", [16, 94, 256])
@pytest.mark.parametrize("many", [1, 2, 3, 63, 64, 65, 129, 350, 2100])
def test_however_many_blocks_there_are_no_part_is_left_out(many: int, group: int) -> None:
    """Fewer tiles than parts, and one more or less."""
    x = torch.randn(many, group, generator=torch.Generator().manual_seed(many))
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for made, wanted in (
            (kernels.prune(x, None, 3, group), plain(x, None, 3, group)),
            (kernels.repair(x, None, 3, group, None, False), plain(x, None, 3, group)),
            (kernels.median(x), x.median(-1, keepdim=True).values),
        ):
            assert torch.equal(made, wanted)
    finally:
        torch.set_num_threads(threads)


def test_a_view_that_is_not_contiguous_is_read_in_its_own_order() -> None:
    x = torch.randn(64, 48, generator=torch.Generator().manual_seed(1)).T
    assert torch.equal(kernels.prune(x, None, 8, 16), plain(x, None, 8, 16))


@pytest.mark.parametrize("where", [0, 63, 1000])
def test_what_is_not_a_number_is_refused(where: int) -> None:
    x = torch.ones(100, 16)
    x.view(-1)[where] = torch.nan
    with pytest.raises(UserError, match="not finite"):
        kernels.prune(x, None, 8, 16)
    with pytest.raises(UserError, match="not finite"):
        kernels.keep_mask(x, 8, 16)


def test_a_weight_of_zero_times_infinity_is_refused_too() -> None:
    x = torch.full((2, 4), torch.inf)
    with pytest.raises(UserError, match="not finite"):
        kernels.prune(x, torch.tensor([0.0, 1.0, 1.0, 1.0]), 2, 4)


def test_the_input_is_left_as_it_was() -> None:
    x = torch.randn(32, 64, generator=torch.Generator().manual_seed(2))
    before = x.clone()
    kernels.prune(x, None, 2, 4)
    assert torch.equal(x, before)


def test_a_gradient_flows_through_what_is_kept() -> None:
    x = torch.randn(4, 16, generator=torch.Generator().manual_seed(3)).requires_grad_()
    with torch.enable_grad():
        prune(x, None, parse_pattern("8:16")).sum().backward()
    assert x.grad is not None
    assert int(x.grad.sum()) == 32


@settings(max_examples=60, deadline=None)
@given(cases())
def test_the_lower_median_of_every_token(case) -> None:
    x, *_ = case
    assert torch.equal(kernels.median(x), x.median(-1, keepdim=True).values)


def shift_of(x: Tensor, kind: str) -> Tensor | None:
    generator = torch.Generator().manual_seed(1)
    shape = {"token": (*x.shape[:-1], 1), "channel": x.shape[-1:], "one": (1,)}.get(kind)
    return None if shape is None else torch.randn(shape, generator=generator).to(x.dtype)


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from(["none", "token", "channel", "one"]), st.booleans())
def test_shift_mask_and_variance_in_one_pass(case, kind: str, rescale: bool) -> None:
    x, channel, keep, group = case
    if not kernels.fits(x) or not x.isfinite().all() or x.shape[-1] == 1:
        return
    eta = shift_of(x, kind)
    shifted = x if eta is None else x - eta
    kept = plain(shifted, channel, keep, group)
    expected = VarianceCorrection().kept(shifted, kept, HERE) if rescale else kept
    expected = expected if eta is None else expected + eta
    made = kernels.repair(x, channel, keep, group, eta, rescale)
    if not rescale:
        assert torch.equal(made, expected)
    close = {"rtol": 1e-4, "atol": 1e-4 * float(expected.abs().max())}
    torch.testing.assert_close(made, expected, **close)


@pytest.mark.parametrize("value", [0.1, -1.5255, 3.3333e4])
@pytest.mark.parametrize("width", [3, 576])
def test_a_token_of_equal_entries_has_no_variance(value: float, width: int) -> None:
    """Its factor is 0 exactly: a rounding error is no variance to scale by."""
    x = torch.full((2, width), value)
    assert not kernels.repair(x, None, 1, 1, None, rescale=True).any()
    assert not VarianceCorrection().kept(x, x, HERE).any()


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("kind", ["none", "token", "channel", "one"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("keep", "group"), [(3, 8), (100, 192)])
def test_inputs_of_many_chunks_are_shifted_by_their_own(
    keep: int, group: int, full: bool, kind: str, rescale: bool
) -> None:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(3, 201, 192, generator=generator)
    assert x.numel() > 3 * CHUNK
    channel = torch.rand(x.shape if full else x.shape[-1:], generator=generator) + 0.1
    eta = shift_of(x, kind)
    shifted = x if eta is None else x - eta
    kept = plain(shifted, channel, keep, group)
    expected = VarianceCorrection().kept(shifted, kept, HERE) if rescale else kept
    expected = expected if eta is None else expected + eta
    torch.testing.assert_close(kernels.repair(x, channel, keep, group, eta, rescale), expected)


@pytest.mark.parametrize("pattern", ["2:4", "3:8", "40%"])
@pytest.mark.parametrize("criterion", ["magnitude", "clact", "wina"])
@pytest.mark.parametrize("mitigations", ["", "d-pts", "var", "d-pts,var", "var,s-pts", "l-pts"])
def test_methods_are_the_same_in_one_pass_and_step_by_step(
    pattern: str, criterion: str, mitigations: str
) -> None:
    generator = torch.Generator().manual_seed(4)
    weight, x = (torch.randn(n, 40, generator=generator) for n in (6, 30))
    site = site_of(weight)
    chosen = Experiment.build(pattern=pattern, criterion=criterion, mitigations=mitigations)
    at_once, in_steps = PrunedActivations(chosen, [site]), PrunedActivations(chosen, [site])
    at_once.calibrate(site, x)
    in_steps.states = at_once.states
    mask, fast = at_once._how(site)
    assert fast
    in_steps._of_site[site] = mask, None
    torch.testing.assert_close(at_once.forward(site, x), in_steps.forward(site, x))


@pytest.mark.parametrize("shape", [(7,), (3, 1), (2, 7), (4, 8), (9,)])
def test_a_shift_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """Compiled code would read on where it ends."""
    with pytest.raises(ValueError, match="a shift of"):
        kernels.repair(torch.ones(2, 8), None, 2, 4, torch.zeros(shape), True)


@pytest.mark.parametrize("shape", [(7,), (3, 8), (2, 7), (16, 2)])
def test_weights_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError):
        kernels.prune(torch.ones(2, 8), torch.ones(shape), 2, 4)


def test_a_shift_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(UserError, match="not finite"):
        kernels.repair(torch.ones(2, 8), None, 2, 4, torch.tensor([torch.nan]), True)


@pytest.mark.parametrize("shape", [(1, 8), (3, 5), (64, 40), (300, 256)])
def test_a_weight_under_bits_is_the_masked_weight(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(shape, generator=generator)
    mask = torch.rand(shape, generator=generator) > 0.5
    bits = as_bits(mask)
    assert torch.equal(from_bits(bits, weight), mask)
    for one in (weight, weight.double(), weight.T.contiguous().T):
        assert torch.equal(under_bits(one, bits), torch.where(mask, one, 0))
