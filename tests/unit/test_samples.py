"""A sample of tokens stands for all of them: on average exactly, and as uncertain as it says."""

import pytest
import torch
from torch import Tensor

from nmviz.engine.prune.samples import ONE_OF, Rows, draw, estimate

TOKENS, D_IN, D_OUT = 512, 8, 6


@pytest.fixture(scope="module")
def call() -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, outputs of which a few are a hundred times larger, and errors that go with them."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, TOKENS // 2, D_IN, generator=generator)
    y = torch.randn(2, TOKENS // 2, D_OUT, generator=generator)
    y[:, 0] *= 100
    share = torch.rand(2, TOKENS // 2, 1, generator=generator)
    return x, y, share * y


def drawn(call: tuple[Tensor, Tensor, Tensor], seed: int) -> tuple[Rows, tuple[float, float]]:
    x, y, error = call
    rows = draw(x, y, (y * y).sum(-1), str(seed))
    return rows, estimate(rows, error.flatten(0, -2)[rows.index])


def test_rows_are_those_of_the_call(call: tuple[Tensor, Tensor, Tensor]) -> None:
    x, y, _ = call
    rows, _ = drawn(call, 0)
    assert len(rows.index) == TOKENS // ONE_OF
    assert torch.equal(rows.x, x.flatten(0, -2)[rows.index])
    assert torch.equal(rows.y, y.flatten(0, -2)[rows.index])


def test_the_same_seed_draws_the_same(call: tuple[Tensor, Tensor, Tensor]) -> None:
    first, second, other = (drawn(call, seed)[0].index for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_it_is_right_on_average_and_as_uncertain_as_it_says(
    call: tuple[Tensor, Tensor, Tensor],
) -> None:
    whole = call[2].square().sum().item()
    found = torch.tensor([drawn(call, seed)[1] for seed in range(2000)], dtype=torch.float64)
    mean, spread = found[:, 0].mean(), found[:, 0].std()
    assert mean.item() == pytest.approx(whole, abs=4 * spread.item() / 2000**0.5)
    assert found[:, 1].mean().sqrt().item() == pytest.approx(spread.item(), rel=0.05)


def test_large_outputs_are_drawn_so_often_that_they_are_hardly_left_to_chance(
    call: tuple[Tensor, Tensor, Tensor],
) -> None:
    x, _, error = call
    whole = error.square().sum().item()
    even = torch.ones(error.shape[:-1])
    of_size, of_all = [], []
    for seed in range(200):
        of_size.append(drawn(call, seed)[1][0])
        rows = draw(x, error, even, str(seed))
        of_all.append(estimate(rows, error.flatten(0, -2)[rows.index])[0])
    assert torch.tensor(of_size).std() < 0.1 * torch.tensor(of_all).std()
    assert torch.tensor(of_size).mean().item() == pytest.approx(whole, rel=0.1)


@pytest.mark.parametrize("count", [1, 2, ONE_OF])
def test_of_few_tokens_one_is_drawn_and_of_one_it_is_exact(count: int) -> None:
    x = torch.randn(1, count, D_IN, generator=torch.Generator().manual_seed(count))
    rows = draw(x, x, (x * x).sum(-1), "seed")
    assert len(rows.index) == 1
    assert rows.drawn == (count > 1)
    if count == 1:
        assert estimate(rows, rows.x) == (pytest.approx(x.square().sum().item()), 0.0)


def test_outputs_of_zero_are_drawn_evenly() -> None:
    x = torch.ones(1, 4 * ONE_OF, D_IN)
    rows = draw(x, torch.zeros_like(x), torch.zeros(1, 4 * ONE_OF), "seed")
    found, variance = estimate(rows, rows.x)
    assert found == pytest.approx(x.square().sum().item())
    assert variance == pytest.approx(0.0)
