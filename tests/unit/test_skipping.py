"""The product that reads only what was kept, against the whole product."""

import weakref
from itertools import product

import numpy as np
import pytest
import torch
from methods.by_hand import site_of

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.prune.activations import PrunedActivations
from nmviz.engine.prune.masking import prune
from nmviz.engine.write import skipping
from nmviz.methods.patterns import parse_pattern


@pytest.mark.parametrize("pattern", ["1:4", "8:16", "50%", "90%", "dense"])
@pytest.mark.parametrize(("d_in", "d_out"), [(16, 1), (32, 7), (576, 1536), (1536, 576)])
def test_it_equals_the_masked_product_to_rounding(d_in: int, d_out: int, pattern: str) -> None:
    generator = torch.Generator().manual_seed(d_in)
    weight = torch.randn(d_out, d_in, generator=generator)
    kept = prune(torch.randn(1, d_in, generator=generator), None, parse_pattern(pattern))
    expected = (kept.double() @ weight.double().T)[0].numpy()
    x = kept[0].numpy()
    got, rows = skipping.product(weight.T.contiguous().numpy(), x)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    assert rows == int(kept.count_nonzero())


def test_what_was_dropped_is_not_read() -> None:
    turned = np.full((8, 4), np.nan, np.float32)
    turned[[1, 5]] = 1
    x = np.zeros(8, np.float32)
    x[[1, 5]] = 2
    y, rows = skipping.product(turned, x)
    assert (y.tolist(), rows) == ([4.0] * 4, 2)


def test_nothing_kept_gives_zero() -> None:
    turned = np.ones((8, 4), np.float32)
    x = np.zeros(8, np.float32)
    y, rows = skipping.product(turned, x)
    assert (y.tolist(), rows) == ([0.0] * 4, 0)


@pytest.mark.parametrize("mitigations", ["", "var", "d-pts", "r-sparse(rank=4)"])
@pytest.mark.parametrize("pattern", ["8:16", "50%"])
def test_a_site_that_skips_is_the_masked_site_to_rounding(pattern: str, mitigations: str) -> None:
    generator = torch.Generator().manual_seed(7)
    site = site_of(torch.randn(48, 64, generator=generator))
    chosen = Experiment.build(pattern=pattern, mitigations=mitigations)
    masked, skipped = (PrunedActivations(chosen, [site]) for _ in range(2))
    for one in (masked, skipped):
        one.finish(site)
    rows = skipping.SkippedRows(skipped)
    several = torch.randn(1, 5, 64, generator=generator)
    torch.testing.assert_close(skipped.forward(site, several), masked.forward(site, several))
    assert rows.read == rows.tokens == 0, "several tokens keep different rows"
    for x in several[0].split(1):
        expected = masked.forward(site, x[None])
        torch.testing.assert_close(skipped.forward(site, x[None]), expected)
    kept = 64 if mitigations == "d-pts" else 32  # a shift that is put back leaves nothing out
    assert rows.read == pytest.approx(5 * kept * 48 * 4, rel=0.05)


@pytest.mark.parametrize("criterion", ["magnitude", "amber", "clact"])
def test_sites_that_share_an_input_are_each_their_own_product(criterion: str) -> None:
    generator = torch.Generator().manual_seed(11)
    sites = [site_of(torch.randn(d_out, 64, generator=generator)) for d_out in (24, 8, 8, 40)]
    chosen = Experiment.build(pattern="8:16", criterion=criterion)
    masked, skipped = (PrunedActivations(chosen, sites) for _ in range(2))
    for one, site in product((masked, skipped), sites):
        one.finish(site)
    rows = skipping.SkippedRows(skipped)
    prompt, other, *tokens = torch.randn(8, 1, 3, 64, generator=generator)
    inputs = [(prompt, other), *((token[:, :1], token[:, 1:2]) for token in tokens)]
    for shared, alone in inputs:  # as q, k and v are given one input and o another
        for site, x in zip(sites, (shared, shared, shared, alone), strict=True):
            torch.testing.assert_close(skipped.forward(site, x), masked.forward(site, x))
    assert rows.tokens == len(tokens)
    assert rows.read == len(tokens) * 32 * (24 + 8 + 8 + 40) * 4


def test_turned_weights_go_with_what_was_pruned() -> None:
    site = site_of(torch.ones(4, 16))
    skipped = PrunedActivations(Experiment.build(pattern="8:16"), [site])
    rows = weakref.ref(skipping.SkippedRows(skipped))
    skipped.forward(site, torch.ones(1, 1, 16))
    assert rows() is not None
    del skipped  # no sweep for garbage is needed
    assert rows() is None


def test_a_token_that_is_no_number_is_refused() -> None:
    site = site_of(torch.ones(4, 16))
    skipped = PrunedActivations(Experiment.build(pattern="8:16"), [site])
    skipping.SkippedRows(skipped)
    with pytest.raises(UserError, match="not finite"):
        skipped.forward(site, torch.full((1, 1, 16), torch.nan))
