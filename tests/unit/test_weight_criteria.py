"""Criteria for weights against values worked out by hand."""

import pytest
import torch
from test_activation_criteria import site_of
from torch import Tensor, tensor

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.prune.weights import PrunedWeights
from nmviz.methods.sparsegpt import inverse_factor

W = tensor([[4.0, -3.0, 2.0, 1.0], [1.0, 2.0, 3.0, -4.0]])
X = tensor([[1.0, 1.0, 3.0, 0.0], [0.0, 1.0, 4.0, 2.0]])  # column norms 1, sqrt 2, 5, 2


def pruned(criterion: str, pattern: str, weight: Tensor = W, x: Tensor = X) -> PrunedWeights:
    site = site_of(weight)
    experiment = Experiment(criterion=criterion, pattern=pattern, target="weight")
    made = PrunedWeights(experiment, [site])
    made.calibrate(site, x)
    made.finish(site)
    return made


def mask(made: PrunedWeights) -> list[list[int]]:
    (site,) = made.sites
    return made.masked(site, site.weight).mask.int().tolist()


def output(made: PrunedWeights, x: Tensor) -> Tensor:
    return made.forward(made.sites[0], x)


def test_wanda_weighs_by_the_norm_of_the_input() -> None:
    # 4, 4.24, 10, 2 and 1, 2.83, 15, 8
    assert mask(pruned("wanda", "2:4")) == [[0, 1, 1, 0], [0, 0, 1, 1]]
    assert mask(pruned("wanda", "1:4")) == [[0, 0, 1, 0], [0, 0, 1, 0]]
    assert mask(pruned("wanda", "3:4")) == [[1, 1, 1, 0], [0, 1, 1, 1]]


def test_wanda_compares_within_a_row_or_the_matrix() -> None:
    assert mask(pruned("wanda", "50%")) == [[0, 1, 1, 0], [0, 0, 1, 1]]
    weight = tensor([[40.0, 30.0, 20.0, 10.0], [1.0, 2.0, 3.0, 4.0]])
    assert mask(pruned("wanda(over=matrix)", "50%", weight)) == [[1, 1, 1, 1], [0, 0, 0, 0]]


def test_ria_is_relative_to_row_and_column() -> None:
    made = pruned("ria", "2:4")
    size = W.abs()
    relative = size / tensor([5.0, 5.0, 5.0, 5.0]) + size / tensor([[10.0], [10.0]])
    expected = relative * tensor([1.0, 2**0.5, 5.0, 2.0]) ** 0.5
    (site,) = made.sites
    assert torch.allclose(made.masked(site, site.weight).scores, expected)
    # 1.2, 1.07, 1.34, 0.42 and 0.3, 0.71, 2.01, 1.70
    assert mask(pruned("ria", "1:4")) == [[0, 0, 1, 0], [0, 0, 1, 0]]
    assert mask(pruned("ria", "3:4")) == [[1, 1, 1, 0], [0, 1, 1, 1]]
    plain = pruned("ria(power=0)", "2:4")
    assert torch.allclose(plain.masked(plain.sites[0], W).scores, relative)


def test_ties_of_a_row_are_counted_by_row() -> None:
    ones = torch.ones(1, 4)
    tied = tensor([[1.0, 1.0, 1.0, 1.0], [5.0, 6.0, 7.0, 8.0]])
    untied = tensor([[1.0, 2.0, 3.0, 3.0], [3.0, 3.0, 4.0, 5.0]])  # ties that decide nothing
    for weight, rows in ((tied, 1), (untied, 0)):
        made = pruned("wanda", "50%", weight, ones)
        assert (made.ties.tied, made.ties.count, made.unit_of_ties) == (rows, 2, "rows")
        made.finish(made.sites[0])  # as when it was calibrated in the same call
        assert (made.ties.tied, made.ties.count) == (rows, 2)
    whole = pruned("magnitude", "50%", tied, ones)
    assert (whole.ties.tied, whole.unit_of_ties) == (0, "entries")
    assert pruned("wanda", "2:4", tied, ones).unit_of_ties == "blocks"


def test_sparsegpt_breaks_ties_to_the_lower_index() -> None:
    x = torch.eye(4).repeat(3, 1)  # nothing to make up for: scores are the squares
    made = pruned("sparsegpt", "3:4", tensor([[2.0, 1.0, 1.0, 1.0]]), x)
    assert mask(made) == [[1, 1, 1, 0]]


def test_random_is_seeded() -> None:
    weight = torch.randn(8, 16)
    assert mask(pruned("random", "2:4", weight)) == mask(pruned("random", "2:4", weight))
    assert mask(pruned("random", "2:4", weight)) != mask(pruned("random(seed=1)", "2:4", weight))


def test_the_factor_is_that_of_the_inverse_hessian() -> None:
    x = torch.randn(30, 6, dtype=torch.float64)
    factor = inverse_factor(x, damp=0.01)
    hessian = 2 / 30 * x.T @ x
    hessian += 0.01 * hessian.diagonal().mean() * torch.eye(6)
    assert torch.allclose(factor.T @ factor, torch.linalg.inv(hessian))
    assert torch.equal(factor, factor.triu())


def test_sparsegpt_of_two_columns_by_hand() -> None:
    # H = X^T X scaled, undamped; dropping w_1 leaves the best w_2 for the outputs: least squares.
    x = tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 2.0]])
    weight = tensor([[0.1, 3.0]])
    made = pruned("sparsegpt(damp=1e-9)", "1:2", weight, x)
    y = x @ weight.T
    best = torch.linalg.lstsq(x[:, 1:], y).solution.item()
    assert mask(made) == [[0, 1]]
    assert output(made, torch.eye(2)).flatten().tolist() == pytest.approx([0, best], rel=1e-4)


@pytest.mark.parametrize("pattern", ["2:4", "1:4", "8:16", "50%"])
@pytest.mark.parametrize("seed", range(3))
def test_sparsegpt_errs_at_most_as_much_as_magnitude_on_its_calibration_text(
    pattern: str, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(256, 256, generator=generator)
    x = torch.randn(600, 256, generator=generator) @ mixing / 16  # correlated channels
    weight = torch.randn(32, 256, generator=generator)
    dense = x @ weight.T
    errors = {
        name: (output(pruned(name, pattern, weight, x), x) - dense).norm()
        for name in ("sparsegpt", "magnitude")
    }
    assert errors["sparsegpt"] < errors["magnitude"]


def test_sparsegpt_that_cannot_invert_says_what_to_change() -> None:
    x = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    with pytest.raises(UserError, match=r"8 tokens .* 16 channels: raise damp"):
        inverse_factor(x, damp=0)
    assert inverse_factor(x, damp=0.01).isfinite().all()


def test_sparsegpt_keeps_n_of_every_m() -> None:
    made = pruned("sparsegpt", "3:8", torch.randn(5, 264), torch.randn(400, 264))
    kept = tensor(mask(made)).view(5, -1, 8).sum(-1)
    assert (kept == 3).all()


def test_channels_that_never_carry_anything_do_no_harm() -> None:
    x = torch.randn(50, 8)
    x[:, 3] = 0
    weight = torch.randn(4, 8)
    assert output(pruned("sparsegpt", "2:4", weight, x), x).isfinite().all()
