"""Criteria for activations against values worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn, tensor

from nmviz.core.experiment import Experiment
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.activations import PrunedActivations

# Column norms 5, 13, sqrt(2), 10; norms of the columns of W: 2, 1, 5, sqrt(2).
X = tensor([[3.0, -5.0, 1.0, 6.0], [4.0, 12.0, -1.0, 8.0]])
W = tensor([[2.0, 1.0, 3.0, 1.0], [0.0, 0.0, 4.0, -1.0]])


def site_of(weight: Tensor) -> Site:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False).requires_grad_(False)
    layer.weight.data = weight
    return Site("layer", 0, "q", layer)


def masked(x: Tensor, criterion: str, pattern: str, weight: Tensor = W) -> list[list[int]]:
    site = site_of(weight)
    pruned = PrunedActivations(Experiment(criterion=criterion, pattern=pattern), [site])
    pruned.calibrate(site, x)
    return pruned.masked(site, x).mask.int().tolist()


def scores(x: Tensor, criterion: str, weight: Tensor = W) -> Tensor:
    site = site_of(weight)
    pruned = PrunedActivations(Experiment(criterion=criterion, pattern="2:4"), [site])
    pruned.finish(site)
    return pruned.masked(site, x).scores


def test_magnitude() -> None:
    assert masked(X, "magnitude", "1:4") == [[0, 0, 0, 1], [0, 1, 0, 0]]
    assert masked(X, "magnitude", "3:4") == [[1, 1, 0, 1], [1, 1, 0, 1]]


def test_wina_weighs_by_the_column_norm_of_the_weight() -> None:
    # |x| * norms: 6, 5, 5, 8.49 and 8, 12, 5, 11.3
    assert masked(X, "wina", "1:4") == [[0, 0, 0, 1], [0, 1, 0, 0]]
    assert masked(X, "wina", "2:4") == [[1, 0, 0, 1], [0, 1, 0, 1]]
    assert masked(X, "wina", "3:4") == [[1, 1, 0, 1], [1, 1, 0, 1]]  # 5 and 5: the lower index


def test_variance_of_the_column_is_unbiased_over_outputs() -> None:
    # Var of (2, 0), (1, 0), (3, 4), (1, -1): 2, 0.5, 0.5, 2
    expected = X.abs() * tensor([2.0, 0.5, 0.5, 2.0])
    assert torch.allclose(scores(X, "var-weight"), expected)
    # 6, 2.5, 0.5, 12 and 8, 6, 0.5, 16
    assert masked(X, "var-weight", "1:4") == [[0, 0, 0, 1], [0, 0, 0, 1]]
    assert masked(X, "var-weight", "3:4") == [[1, 1, 0, 1], [1, 1, 0, 1]]


def test_clact_weighs_by_the_column_norm_of_the_window() -> None:
    # |x| * column norms: 15, 65, 1.41, 60 and 20, 156, 1.41, 80
    assert masked(X, "clact", "1:4") == [[0, 1, 0, 0], [0, 1, 0, 0]]
    assert masked(X, "clact", "2:4") == [[0, 1, 0, 1], [0, 1, 0, 1]]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(0, 10**6))
def test_clact_at_n_of_m_is_magnitude_times_column_norm(tokens: int, seed: int) -> None:
    x = torch.randn(tokens, 16, generator=torch.Generator().manual_seed(seed))
    weighted = x * x.norm(dim=0)
    weight = torch.ones(2, 16)
    for pattern in ("1:4", "3:8", "8:16"):
        assert masked(x, "clact", pattern, weight) == masked(weighted, "magnitude", pattern, weight)


def test_clact_over_a_window_ranks_all_its_tokens_together() -> None:
    x = tensor([[1.0, 2.0], [30.0, 0.1]])
    rows, columns = x.norm(dim=1, keepdim=True), x.norm(dim=0)
    ranked = (x / rows * columns).flatten().argsort(descending=True)
    mask = tensor(masked(x, "clact(over=window)", "50%", torch.ones(2, 2))).flatten()
    assert sorted(ranked[:2].tolist()) == mask.nonzero().flatten().tolist()


def test_magnitude_over_a_window_is_one_threshold() -> None:
    x = tensor([[1.0, 2.0], [30.0, 10.0]])
    weight = torch.ones(2, 2)
    assert masked(x, "magnitude(over=window)", "50%", weight) == [[0, 0], [1, 1]]
    assert masked(x, "magnitude", "50%", weight) == [[0, 1], [1, 0]]


def test_amber_standardises_without_the_outliers_and_sums_all() -> None:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(40, 16, generator=generator)
    weight[0, 0] = 100.0  # outside the percentiles, inside the norm
    low, high = np.percentile(weight.double().numpy(), [0.5, 99.5])
    inside = weight.double()[(weight >= low) & (weight <= high)]
    z = (weight.double() - inside.mean()) / inside.std(unbiased=False)
    x = torch.randn(3, 16, generator=generator)
    expected = x.abs() * z.norm(dim=0)
    assert torch.allclose(scores(x, "amber", weight).double(), expected.double(), rtol=1e-5)
    assert expected[0, 0] / x.abs()[0, 0] > 50


def test_amber_masks_by_hand() -> None:
    # Nothing lies outside the percentiles but the extremes 4 and -1: of 2, 1, 3, 1, 0, 0 mean 7/6.
    inside = tensor([2.0, 1.0, 3.0, 1.0, 0.0, 0.0])
    z = (W - inside.mean()) / inside.std(unbiased=False)
    weighed = X.abs() * z.norm(dim=0)  # 3.9, 5.6, 3.2, 12.3 and 5.2, 13.4, 3.2, 16.5
    assert weighed.argsort(-1, descending=True).tolist() == [[3, 1, 0, 2], [3, 1, 0, 2]]
    assert masked(X, "amber", "1:4") == [[0, 0, 0, 1], [0, 0, 0, 1]]
    assert masked(X, "amber", "3:4") == [[1, 1, 0, 1], [1, 1, 0, 1]]


def test_gradient_weighs_by_the_state_it_was_given() -> None:
    site = site_of(W)
    pruned = PrunedActivations(Experiment(criterion="gradient", pattern="1:4"), [site])
    pruned.states[site]["gradient"] = {"rms": tensor([100.0, 1.0, 1.0, 1.0])}
    assert pruned.masked(site, X).mask.int().tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]


def test_random_is_seeded_and_blind_to_the_input() -> None:
    weight = torch.ones(2, 16)
    one = masked(torch.randn(5, 16), "random", "2:4", weight)
    assert one == masked(torch.randn(5, 16), "random", "2:4", weight)
    assert one != masked(torch.randn(5, 16), "random(seed=1)", "2:4", weight)


def test_teal_drops_the_asked_share_of_its_calibration_text() -> None:
    x = torch.randn(50, 16, generator=torch.Generator().manual_seed(0))
    site = site_of(torch.ones(2, 16))
    pruned = PrunedActivations(Experiment(criterion="teal", pattern="70%"), [site])
    pruned.calibrate(site, x)
    expected = np.percentile(x.abs().double().numpy(), 70)
    assert pruned.states[site]["teal"]["threshold"].item() == pytest.approx(expected, rel=1e-6)
    ones, entries = pruned.kept_of(site, x)
    assert ones / entries == pytest.approx(0.3, abs=0.002)
    assert pruned.masked(site, x * 100).mask.all(-1).any(), "a loud token keeps everything"
