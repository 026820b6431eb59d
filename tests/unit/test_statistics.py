"""Measurements against values worked out by hand or by another formula."""

import math
import statistics

import pytest
import torch

from nmviz.engine.measure.statistics import DenseTokens, PairedTokens, mean, perplexity


def test_the_error_comes_from_the_windows_when_there_are_eight() -> None:
    figures = torch.arange(8.0, dtype=torch.float64)[:, None].repeat(1, 5)
    found = mean("delta_nll", figures)
    assert found.value == 3.5
    assert (found.n, found.unit_of_n) == (8, "windows")
    assert found.stderr == pytest.approx(math.sqrt(6 / 8))  # variance of 0..7 is 6


def test_with_fewer_windows_it_comes_from_blocks_of_64_tokens() -> None:
    figures = torch.cat([torch.zeros(64), torch.ones(64), torch.full((10,), 5.0)]).double()
    found = mean("delta_nll", figures[None])
    assert found.value == pytest.approx(114 / 138)  # all 138 tokens
    assert (found.n, found.unit_of_n) == (2, "blocks of 64 tokens")
    assert found.stderr == pytest.approx(math.sqrt(0.5 / 2))


def test_no_error_is_made_up_from_a_single_block() -> None:
    assert mean("kl", torch.rand(1, 100).double()).stderr is None


def test_perplexity_is_exp_of_the_mean_and_its_error_follows() -> None:
    nll = torch.tensor([[1.0], [3.0]] * 8, dtype=torch.float64)
    found, log = perplexity("perplexity", nll), mean("perplexity", nll)
    assert found.value == pytest.approx(math.e**2)
    assert found.stderr == pytest.approx((log.stderr or 0) * math.e**2)


def test_paired_tokens_agree_with_the_formulas_token_by_token() -> None:
    torch.manual_seed(0)
    dense, pruned = torch.randn(300, 11), torch.randn(300, 11)
    ids = torch.randint(0, 11, (300,))
    paired = PairedTokens()
    paired.add(DenseTokens.of(dense, ids), pruned, ids)
    found = {m.metric: m.value for m in paired.measurements()}
    p, q = dense[:-1].double().softmax(-1), pruned[:-1].double().softmax(-1)
    rows, following = torch.arange(299), ids[1:]
    nll_p, nll_q = -p[rows, following].log(), -q[rows, following].log()
    assert found["dense_perplexity"] == pytest.approx(nll_p.mean().exp().item(), rel=1e-5)
    assert found["perplexity"] == pytest.approx(nll_q.mean().exp().item(), rel=1e-5)
    assert found["delta_nll"] == pytest.approx((nll_q - nll_p).mean().item(), rel=1e-5)
    kl = (p * (p.log() - q.log())).sum(-1).mean().item()
    assert found["kl"] == pytest.approx(kl, rel=1e-5)
    agreement = (p.argmax(-1) == q.argmax(-1)).double().mean().item()
    assert found["top1_agreement"] == agreement
    alone = DenseTokens.of(pruned, ids).nll.mean().item()
    assert alone == pytest.approx(nll_q.mean().item(), rel=1e-5)


@pytest.mark.parametrize(("windows", "tokens", "units"), [(9, 65, 9), (3, 101, 4)])
def test_the_costs_of_units_are_what_the_error_is_of(windows: int, tokens: int, units: int) -> None:
    torch.manual_seed(0)
    paired = PairedTokens()
    assert paired.unit_costs() == ()
    for _ in range(windows):
        dense, pruned = torch.randn(2, tokens, 11)
        ids = torch.randint(0, 11, (tokens,))
        paired.add(DenseTokens.of(dense, ids), pruned, ids)
    costs, told = paired.unit_costs(), paired.cost()
    assert len(costs) == units == told.n
    assert told.stderr == pytest.approx(statistics.stdev(costs) / math.sqrt(units))
    if windows == units:
        assert told.value == pytest.approx(statistics.mean(costs))


def test_equal_models_differ_by_nothing() -> None:
    logits, ids = torch.randn(200, 7), torch.randint(0, 7, (200,))
    paired = PairedTokens()
    paired.add(DenseTokens.of(logits, ids), logits, ids)
    found = {m.metric: m.value for m in paired.measurements()}
    assert (found["delta_nll"], found["kl"], found["top1_agreement"]) == (0, 0, 1)


def test_nothing_measured_gives_no_measurement() -> None:
    assert PairedTokens().measurements() == ()
