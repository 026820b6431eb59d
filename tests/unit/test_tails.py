"""Tails of tokens against values worked out by hand, by numpy, and by measuring again and again."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from nmviz.core.metrics import METRICS
from nmviz.core.results import Measurement
from nmviz.core.tokenwise.tails import EDGES, SURE, TAILS, TokenCounts
from nmviz.engine.measure.statistics import DenseTokens, PairedTokens
from nmviz.engine.measure.tails import Tails, tails_of

HALF = math.log(2)  # the NLL of a token of probability one half


def tokens(
    kl: Sequence[Tensor], nll: float = HALF, sure: float = 0.5, agree: float = 1.0
) -> PairedTokens:
    """Tokens of these KL, one tensor a window; the dense model gives each a half."""
    whole = [torch.ones_like(one) for one in kl]
    return PairedTokens(
        dense_nll=[HALF * one for one in whole],
        nll=[nll * one for one in whole],
        kl=list(kl),
        agree=[agree * one for one in whole],
        sure=[sure * one for one in whole],
    )


def named(found: Tails) -> dict[str, Measurement]:
    return {one.metric: one for one in found.measurements}


def test_every_tail_is_given_in_order_and_is_a_known_metric() -> None:
    found = tails_of([tokens([torch.rand(100).double()])])
    assert [one.metric for one in found.measurements] == list(TAILS)
    assert all(METRICS.get(name).title for name in TAILS)
    assert tails_of([PairedTokens()]) == Tails()


def test_quantiles_are_those_of_numpy_over_all_windows() -> None:
    torch.manual_seed(0)
    windows = [torch.rand(size).double() for size in (300, 300, 140)]
    found, flat = named(tails_of([tokens(windows)])), torch.cat(windows).numpy()
    for end, share in (("median", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
        assert found[f"kl_{end}"].value == pytest.approx(np.quantile(flat, share), abs=1e-12)
    assert found["kl_max"].value == flat.max()


def test_delta_p_is_the_change_of_the_right_tokens_probability() -> None:
    one = tokens([torch.zeros(4).double()])
    one.nll[0] = -torch.tensor([0.25, 0.5, 0.75, 1.0], dtype=torch.float64).log()
    found = {name: told.value for name, told in named(tails_of([one])).items()}
    assert found["delta_p_mean"] == pytest.approx(0.125)
    assert found["delta_p_rms"] == pytest.approx(math.sqrt((0.0625 + 0 + 0.0625 + 0.25) / 4))
    assert (found["delta_p_min"], found["delta_p_max"]) == pytest.approx((-0.25, 0.5))
    assert found["delta_p_median"] == pytest.approx(0.125)
    assert found["delta_p_p10"] == pytest.approx(-0.25 + 0.3 * 0.25)


@pytest.mark.parametrize(("count", "known"), [(999, False), (1000, True)])
def test_a_quantile_with_fewer_than_ten_tokens_beyond_has_no_error_and_says_why(
    count: int, known: bool
) -> None:
    found = named(tails_of([tokens([torch.rand(count).double()])]))
    told = found["kl_p99"]
    assert (told.stderr is not None) == known == (told.no_stderr is None)
    assert known or told.no_stderr == "10.0 tokens lie beyond it, and an error takes 10"
    for end in ("kl_max", "delta_p_min", "delta_p_max"):
        assert found[end].stderr is None and found[end].no_stderr == "it is of a single token"
        assert (found[end].n, found[end].unit_of_n) == (count, "tokens")


@pytest.mark.parametrize(("metric", "share"), [("kl_median", 0.5), ("kl_p95", 0.95)])
def test_the_error_of_a_quantile_is_how_far_it_moves_from_text_to_text(
    metric: str, share: float
) -> None:
    """Windows that differ as windows do: with tokens taken as independent it would be too small."""
    torch.manual_seed(0)
    seen, told = [], []
    for _ in range(200):
        level = torch.randn(30, 1, dtype=torch.float64)
        windows = (level + torch.randn(30, 50, dtype=torch.float64)).exp()
        found = named(tails_of([tokens(list(windows))]))[metric]
        seen.append(found.value)
        told.append(found.stderr)
    assert (found.n, found.unit_of_n) == (30, "windows")
    moved = float(np.std(seen))
    assert np.mean(told) == pytest.approx(moved, rel=0.2)


def test_of_random_tie_breaks_the_tokens_of_all_draws_count() -> None:
    first, second = torch.zeros(40).double(), torch.ones(40).double()
    found = tails_of([tokens([first], nll=HALF), tokens([second], nll=2 * HALF, agree=0.0)])
    told = named(found)
    assert (told["kl_median"].value, told["kl_p90"].value, told["kl_max"].value) == (0.5, 1, 1)
    assert told["delta_p_mean"].value == pytest.approx(-0.125)
    assert told["delta_p_rms"].value == pytest.approx(math.sqrt(0.0625 / 2))
    assert told["kl_p99"].no_stderr == "0.4 tokens lie beyond it, and an error takes 10"
    (row,) = (one for one in found.by_confidence if one.n)
    assert (row.n, row.kl, row.top1_agreement) == (40, 0.5, 0.5)
    assert [sum(one.counts) for one in found.counts] == [80, 80]


def test_means_by_confidence_are_those_of_the_tokens_in_the_range() -> None:
    one = tokens([torch.arange(12.0).double() for _ in range(8)])
    sure = [0.1] * 4 + [0.25] * 4 + [0.95, 1.0, 0.9, 0.9]
    one.sure = [torch.tensor(sure, dtype=torch.float64)] * 8
    rows = {(row.low, row.high): row for row in tails_of([one]).by_confidence}
    assert list(rows) == list(pairwise(SURE))
    kl = {place: (row.n, row.kl) for place, row in rows.items()}
    assert kl == {
        (0, 0.25): (32, 1.5),
        (0.25, 0.5): (32, 5.5),
        (0.5, 0.75): (0, None),
        (0.75, 0.95): (16, 10.5),
        (0.95, 1): (16, 8.5),
    }
    assert rows[0, 0.25].kl_stderr == 0, "every window is the same"
    assert rows[0.5, 0.75].kl_stderr is None and rows[0.5, 0.75].top1_agreement is None
    assert rows[0, 0.25].delta_p_rms == 0


def test_the_error_of_a_range_is_that_of_a_mean_where_all_tokens_are_in_it() -> None:
    torch.manual_seed(0)
    windows = [torch.rand(30).double() for _ in range(20)]
    one = tokens(windows)
    row = next(row for row in tails_of([one]).by_confidence if row.n)
    cost = next(m for m in one.measurements() if m.metric == "kl")
    assert (row.kl, row.kl_stderr) == pytest.approx((cost.value, cost.stderr))


def test_every_token_is_counted_in_the_bin_that_holds_it() -> None:
    kl = torch.tensor([-1e-9, 0, 1e-7, 1e-6, 1.0, 99.0, 100.0, 1e9], dtype=torch.float64)
    one = tokens([kl])
    one.dense_nll, one.nll = [torch.zeros(8).double()], [torch.full((8,), torch.inf).double()]
    found = {told.metric: told for told in tails_of([one]).counts}
    filled = {place: count for place, count in enumerate(found["kl"].counts) if count}
    edges = EDGES["kl"]
    assert filled == {0: 3, 1: 1, edges.index(1.0): 1, len(edges) - 3: 1, len(edges) - 2: 2}
    assert found["delta_p"].counts == (8, *[0] * 39), "all lost all of their probability"
    assert all(told.fault is None for told in found.values())


def test_counts_that_cannot_be_say_so() -> None:
    assert "not known here" in str(TokenCounts(metric="acc", counts=(1,)).fault)
    assert "other bins" in str(TokenCounts(metric="kl", counts=(1,)).fault)
    assert "below 0" in str(TokenCounts(metric="delta_p", counts=(-1, *[0] * 39)).fault)


def test_how_sure_the_dense_model_was_is_the_probability_of_its_likeliest_token() -> None:
    torch.manual_seed(0)
    dense, ids = torch.randn(300, 11), torch.randint(0, 11, (300,))
    paired = PairedTokens()
    paired.add(DenseTokens.of(dense, ids), dense, ids, 5)
    likeliest = dense.double().softmax(-1).amax(-1)[5:-1]
    assert torch.allclose(paired.sure[0], likeliest, atol=1e-6)
