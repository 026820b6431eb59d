"""teal: keep where |x_j| > tau, tau the P-th percentile of |x| on calibration text; P% only."""

import numpy as np
import pytest
import torch
from torch import tensor

from methods.by_hand import (
    BIAS,
    TOKEN,
    assert_kept,
    assert_refused,
    bound,
    by_pattern,
    site_of,
    state_of,
)
from nmviz.core.experiment import Experiment
from nmviz.engine.prune.activations import PrunedActivations

# Sizes are 0 to 31, so the P-th percentile is 31 * P: 15.5 and 21.7.
ABOVE = {
    "50%": "0010 1001 0100 1010 1101 0110 1011 0101",
    "70%": "0010 0001 0000 1010 0101 0010 1001 0100",
}


@by_pattern(ABOVE)
def test_what_is_kept_by_hand(pattern: str, kept: str) -> None:
    made = bound("", torch.eye(32), TOKEN[None], pattern, "teal", bias=BIAS)
    assert_kept(made, TOKEN[None], kept)


@pytest.mark.parametrize(("pattern", "tau"), [("50%", 15.5), ("70%", 21.7), ("12.5%", 3.875)])
def test_the_threshold_is_the_percentile_of_the_sizes(pattern: str, tau: float) -> None:
    made = bound("", torch.eye(32), TOKEN[None], pattern, "teal")
    assert state_of(made, "teal")["threshold"].tolist() == [pytest.approx(tau)]


@pytest.mark.parametrize(
    ("pattern", "kept"), [("50%", ("1111", "0100", "0000")), ("70%", ("1110", "0000", "0000"))]
)
def test_a_token_keeps_as_many_as_it_has_large_ones(
    pattern: str, kept: tuple[str, str, str]
) -> None:
    # thresholds 15.5 and 21.7, from TOKEN: other tokens keep 4, 1, 0 and 3, 0, 0
    made = bound("", torch.ones(1, 32), TOKEN[None], pattern, "teal")
    x = tensor([[22.0, -22.0, 50.0, 16.0], [1.0, -16.0, 15.5, 2.0], [1.0, 2.0, 3.0, 4.0]])
    mask = made.masked(made.sites[0], x.repeat(1, 8)).mask.int()
    rows = [[int(bit) for bit in row] * 8 for row in kept]
    assert mask.tolist() == rows
    assert made.kept_of(made.sites[0], x.repeat(1, 8)) == (sum(map(sum, rows)), 96)


@pytest.mark.parametrize("pattern", ["50%"])
def test_what_ties_with_the_threshold_is_dropped(pattern: str) -> None:
    # Of 1, 2, 2, 2, 3 the median is 2: only what is larger is kept, so four of five go.
    x = tensor([[1.0, 2.0, -2.0, 2.0, 3.0]])
    assert_kept(bound("", torch.ones(1, 5), x, pattern, "teal"), x, "00001")


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


@pytest.mark.parametrize("pattern", ["1:4", "2:4", "3:4", "4:8", "8:16", "16:32"])
def test_n_of_m_is_refused_with_the_reason(pattern: str) -> None:
    says = f"works with a share such as 50% only, not with {pattern}"
    assert_refused(says, criterion="teal", pattern=pattern)


def test_it_has_no_settings_and_needs_text() -> None:
    assert_refused("no setting of teal 'over'", criterion="teal(over=token)", pattern="50%")
    fields = {"criterion": "teal", "pattern": "50%", "calibration_windows": 0}
    assert_refused("at least one calibration window", **fields)
