"""sparsegpt: S_ij = W_ij^2 / U_jj^2, and what is dropped is made up for in the columns after it."""

import pytest
import torch
from torch import Tensor, tensor

from methods.by_hand import (
    BIAS,
    FOURTH,
    KEPT_FOURTH,
    LOUD_KEPT_FOURTH,
    WEIGHT,
    assert_refused,
    assert_weight_kept,
    by_pattern,
    mask,
    output,
    pruned,
)
from nmviz.base.errors import UserError
from nmviz.methods.sparsegpt import inverse_factor

# One token a channel: H is diagonal, 2/32 * a_j^2, so U_jj^2 = 16 / a_j^2 and the scores are
# (w_ij * a_j)^2 / 16, with nothing to make up for. N:M is by rows, P% of all 64.
KEPT = {p: (kept, LOUD_KEPT_FOURTH[p]) for p, kept in KEPT_FOURTH.items()} | {
    "50%": (
        "0010 1001 1000 1000 1100 0010 1001 1000",
        "1110 1101 1011 1110 1001 0010 1101 1011",
    ),
    "70%": (
        "0000 1000 0000 1000 1000 0000 1000 1000",
        "1010 1100 1001 1010 1001 0010 1100 1001",
    ),
}


@by_pattern(KEPT)
def test_what_is_kept_by_hand(pattern: str, kept: tuple[str, str]) -> None:
    x = torch.diag(FOURTH)
    made = pruned("sparsegpt(damp=0)", pattern, WEIGHT, x, BIAS[:2])
    assert_weight_kept(made, *kept)


@pytest.mark.parametrize(
    ("pattern", "row"),
    [("1:4", [0.0, 0.0, 0.0, 5.5]), ("3:4", [0.0, 2.0, 3.0, 5.5]), ("2:4", [0.0, 0.0, 3.0, 5.5])],
)
def test_what_is_dropped_is_made_up_for_by_hand(pattern: str, row: list[float]) -> None:
    # Channels 0 and 3 go together, c0 . c3 / c3 . c3 = 1/2; 1 and 2 meet no other. What w_0 = 1
    # gave is best given by w_3 = 5 + 1/2; w_1 and w_2 are dropped without a trace.
    x = tensor([[1.0, 0.0, 0.0, 2.0], [3.0, 0.0, 0.0, 0.0]] + [[0.0] * 4] * 2)
    x[2, 1] = x[3, 2] = 2
    made = pruned("sparsegpt(damp=0)", pattern, tensor([[1.0, 2.0, 3.0, 5.0]]), x, tensor([7.0]))
    assert output(made, torch.zeros(1, 4)).tolist() == [[7.0]]  # the bias
    found = (output(made, torch.eye(4)) - 7).flatten().tolist()
    assert found == pytest.approx(row, abs=1e-5)


@pytest.mark.parametrize(("damp", "kept"), [(0, 3.05), (0.5, 3.0375), (1, 3.03), (100, 3.00073892)])
def test_damping_makes_up_for_less(damp: float, kept: float) -> None:
    # c0 . c1 = 3, c1 . c1 = 6, mean of the diagonal 4: 3 + 0.1 * 3 / (6 + 4 damp)
    x = tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 2.0]])
    made = pruned(f"sparsegpt(damp={damp})", "1:2", tensor([[0.1, 3.0]]), x)
    found = output(made, torch.eye(2)).flatten().tolist()
    assert found == pytest.approx([0, kept], abs=2e-6)


def test_the_damping_is_a_hundredth_unless_said() -> None:
    x = tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 2.0]])
    made = pruned("sparsegpt", "1:2", tensor([[0.1, 3.0]]), x)
    # 3 + 0.3 / 6.04
    assert output(made, torch.eye(2))[1].item() == pytest.approx(3.0496689, abs=1e-6)


def test_sparsegpt_breaks_ties_to_the_lower_index() -> None:
    x = torch.eye(4).repeat(3, 1)  # nothing to make up for: scores are the squares
    made = pruned("sparsegpt", "3:4", tensor([[2.0, 1.0, 1.0, 1.0]]), x)
    assert mask(made) == [[1, 1, 1, 0]]
    assert mask(pruned("sparsegpt", "1:4", tensor([[1.0, -2.0, 2.0, 2.0]]), x)) == [[0, 1, 0, 0]]


def test_the_factor_by_hand() -> None:
    # H = [[4, 2], [2, 2]] and H^-1 = [[1, -1], [-1, 2]] / 2 = U^T U, U = [[r, -r], [0, r]] with
    # r^2 = 1/2
    x = tensor([[1.0, 1.0], [1.0, 0.0]]) * 2**0.5
    by_hand = tensor([[0.70710678, -0.70710678], [0.0, 0.70710678]], dtype=torch.float64)
    assert torch.allclose(inverse_factor(x, damp=0), by_hand, atol=1e-6)


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


def by_the_book(weight: Tensor, factor: Tensor, keep: int, group: int) -> Tensor:
    """The update of the paper with nothing put off: every column corrects all after it at once."""
    rest, kept = weight.double(), torch.ones_like(weight, dtype=torch.bool)
    for j in range(weight.shape[1]):
        if j % group == 0:
            scores = (rest[:, j : j + group] / factor.diagonal()[j : j + group]) ** 2
            lowest = scores.argsort(dim=-1, stable=True)[:, : group - keep]
            kept[:, j : j + group].scatter_(1, lowest, False)
        error = rest[:, j].where(~kept[:, j], 0) / factor[j, j]
        rest[:, j:] -= error[:, None] * factor[j, j:]
    return rest.where(kept, 0)


@pytest.mark.parametrize("columns", [16, 128, 272])  # less than a block, one, and two and a bit
@pytest.mark.parametrize(("keep", "group"), [(2, 4), (1, 4), (8, 16)])
def test_blocks_of_columns_change_nothing(columns: int, keep: int, group: int) -> None:
    generator = torch.Generator().manual_seed(columns + keep)
    x = torch.randn(500, columns, generator=generator) @ torch.rand(columns, columns)
    weight = torch.randn(24, columns, generator=generator)
    given = weight.clone()
    found = output(pruned("sparsegpt", f"{keep}:{group}", weight, x), torch.eye(columns)).T
    wanted = by_the_book(weight, inverse_factor(x, damp=0.01), keep, group)
    assert torch.equal(weight, given)
    assert torch.equal(found == 0, wanted == 0)
    assert torch.allclose(found.double(), wanted, atol=1e-4)


def test_p_percent_is_dropped_of_every_128_columns() -> None:
    # 256 columns with nothing to make up for: 64 go of the first half, and 64 of the second,
    # though all of the second are larger.
    weight, x = torch.arange(1.0, 257.0)[None], torch.eye(256)
    made = pruned("sparsegpt(damp=0)", "50%", weight, x)
    assert mask(made) == [[0] * 64 + [1] * 64 + [0] * 64 + [1] * 64]


def test_p_percent_drops_no_more_than_that_share_of_ties() -> None:
    # All scores are 1: 4 of 8 go, the last ones of the block of columns.
    made = pruned("sparsegpt(damp=0)", "50%", torch.ones(2, 4), torch.eye(4))
    assert mask(made) == [[1, 1, 1, 1], [0, 0, 0, 0]]


def test_sparsegpt_keeps_n_of_every_m() -> None:
    made = pruned("sparsegpt", "3:8", torch.randn(5, 264), torch.randn(400, 264))
    kept = tensor(mask(made)).view(5, -1, 8).sum(-1)
    assert (kept == 3).all()


def test_channels_that_never_carry_anything_do_no_harm() -> None:
    x = torch.randn(50, 8)
    x[:, 3] = 0
    weight = torch.randn(4, 8)
    assert output(pruned("sparsegpt", "2:4", weight, x), x).isfinite().all()


def test_sparsegpt_that_cannot_invert_says_what_to_change() -> None:
    x = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    with pytest.raises(UserError, match=r"8 tokens .* 16 channels: raise damp"):
        inverse_factor(x, damp=0)
    assert inverse_factor(x, damp=0.01).isfinite().all()


def test_settings_without_a_meaning_are_refused() -> None:
    for text, says in (
        ("sparsegpt(damp=-1)", "at least 0"),
        ("sparsegpt(damp=inf)", "not finite"),
        ("sparsegpt(damp=some)", "not a float"),
        ("sparsegpt(over=row)", "no setting of sparsegpt 'over'"),
    ):
        assert_refused(says, target="weight", criterion=text)
