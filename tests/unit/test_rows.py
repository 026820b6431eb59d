"""What compiled code says of logits is what float64 says, and what torch says on other devices."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nmviz.engine.measure import rows, statistics


def logits(tokens: int, vocabulary: int, scale: float, seed: int) -> tuple[Tensor, Tensor]:
    """Of a dense model, and of a pruned one that is not far from it."""
    generator = torch.Generator().manual_seed(seed)
    dense = scale * torch.randn(tokens, vocabulary, generator=generator)
    return dense, dense + torch.randn(tokens, vocabulary, generator=generator)


@given(st.integers(1, 5), st.integers(1, 1500), st.floats(0, 200), st.integers(0, 99))
def test_as_in_float64(tokens: int, vocabulary: int, scale: float, seed: int) -> None:
    dense, pruned = logits(tokens, vocabulary, scale, seed)
    log_total, best = rows.totals(dense)
    p, q = (one.double().log_softmax(-1) for one in (dense, pruned))
    total, kl, pruned_best = rows.compared(dense, log_total, pruned)
    near = {"rtol": 2e-6, "atol": 2e-6}
    torch.testing.assert_close(log_total, dense.double().logsumexp(-1), **near)
    torch.testing.assert_close(total, pruned.double().logsumexp(-1), **near)
    apart = (dense - pruned).abs().amax(-1).double()  # what KL is a difference of
    assert bool(((kl - (p.exp() * (p - q)).sum(-1)).abs() <= 2e-5 * (1 + apart)).all())
    assert torch.equal(best, dense.argmax(-1)) and torch.equal(pruned_best, pruned.argmax(-1))


@given(st.integers(1, 3), st.integers(1, 700), st.floats(0.1, 50), st.integers(0, 99))
def test_as_in_torch(tokens: int, vocabulary: int, scale: float, seed: int) -> None:
    dense, pruned = logits(tokens, vocabulary, scale, seed)
    log_total, best = statistics._totals(dense)
    torch.testing.assert_close(rows.totals(dense)[0], log_total.double(), rtol=1e-6, atol=1e-6)
    assert torch.equal(rows.totals(dense)[1], best)
    made, expected = (
        compare(dense, log_total, pruned) for compare in (rows.compared, statistics._compared)
    )
    for one, other in zip(made[:2], expected[:2], strict=True):
        torch.testing.assert_close(one, other.double(), rtol=2e-5, atol=5e-5)


def test_equal_entries_the_first_is_the_likeliest() -> None:
    z = torch.tensor([[0.0, 2.0, 2.0], [1.0, 1.0, 1.0]])
    log_total, best = rows.totals(z)
    assert best.tolist() == [1, 0]
    assert log_total[1].item() == pytest.approx(1 + torch.tensor(3.0).log().item())


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("place", [0, 300, 700])
def test_what_is_no_number_makes_its_own_row_none(wrong: float, place: int) -> None:
    dense, pruned = logits(3, 701, 1.0, 0)
    whole = rows.compared(dense, rows.totals(dense)[0], pruned)
    dense[1, place] = pruned[1, place] = wrong
    log_total = rows.totals(dense)[0]
    total, kl, _ = rows.compared(dense, log_total, pruned)
    for made in (log_total, total, kl):
        assert made.isnan().tolist() == [False, True, False]
    assert torch.equal(kl[[0, 2]], whole[1][[0, 2]])


@given(st.lists(st.floats(-100, 1, width=32), min_size=1, max_size=40))
def test_the_exponential_is_exact_to_a_few_units_of_float32(values: list[float]) -> None:
    z = torch.tensor(values)
    made, powers = torch.empty(rows.CHUNK).numpy(), torch.empty(rows.CHUNK).int().numpy()
    rows._exps(z.numpy(), 0, len(z), torch.zeros(1)[0].numpy()[()], made, powers)
    expected = z.double().exp()
    apart = (torch.from_numpy(made)[: len(z)].double() - expected).abs()
    assert bool((apart <= 4 * torch.finfo(torch.float32).eps * expected + 1e-37).all())
