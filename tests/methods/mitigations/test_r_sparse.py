"""r-sparse: Y = X_kept W^T + (X - X_kept) (U_r S_r V_r^T)^T, W = U S V^T."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, tensor

from methods.by_hand import BIAS, KEPT, TOKEN, assert_refused, bits, bound, by_pattern, output

CHANNELS = torch.ones(32)
CHANNELS[[5, 9, 30]] = tensor([4.0, 3.0, 2.0])
"""A diagonal weight: its truncations are its largest entries, in channels 5, 9 and 30."""

LOW = {1: [5], 2: [5, 9], 3: [5, 9, 30]}
"""rank: the channels through which what was dropped still goes, whole."""


@pytest.mark.parametrize("rank", [1, 2, 3])
@by_pattern(KEPT)
def test_what_is_computed_by_hand(pattern: str, kept: str, rank: int) -> None:
    # TOKEN has 1, -21 and 6 there: the mask drops 1 and 6 everywhere, and -21 at 70%.
    made = bound(f"r-sparse(rank={rank})", CHANNELS.diag(), TOKEN[None], pattern, bias=BIAS)
    mask = bits(kept)
    assert made.masked(made.sites[0], TOKEN[None]).mask.int().tolist() == mask.tolist()
    mask[0, LOW[rank]] = 1
    by_hand = TOKEN * mask * CHANNELS + BIAS
    assert torch.allclose(output(made, TOKEN[None]), by_hand, atol=1e-4)


@pytest.mark.parametrize("pattern", ["1:4", "3:4"])
def test_ranks_by_hand_where_n_is_not_half_of_m(pattern: str) -> None:
    x = tensor([[3.0, 1.0, -5.0, -1.0]])
    kept = {"1:4": tensor([[0.0, 0.0, -5.0, 0.0]]), "3:4": tensor([[3.0, 1.0, -5.0, 0.0]])}[pattern]
    weight = torch.diag(tensor([1.0, 2.0, 3.0, 4.0]))  # rank 1 of it is the last channel alone
    expected = kept @ weight + (x - kept) @ torch.diag(tensor([0.0, 0.0, 0.0, 4.0]))
    assert torch.allclose(output(bound("r-sparse(rank=1)", weight, x, pattern), x), expected)
    by_hand = {"1:4": [[0.0, 0.0, -15.0, -4.0]], "3:4": [[3.0, 2.0, -15.0, -4.0]]}[pattern]
    assert torch.allclose(expected, tensor(by_hand))


def test_ties_go_to_the_lower_index() -> None:
    x, weight = tensor([[2.0, -2.0, 2.0, 2.0]]), torch.diag(tensor([1.0, 2.0, 3.0, 9.0]))
    # The first is kept as it is; of the rest only the last is sent through, at rank 1.
    made = bound("r-sparse(rank=1)", weight, x, "1:4")
    assert torch.allclose(output(made, x), tensor([[2.0, 0.0, 0.0, 18.0]]), atol=1e-5)


@pytest.mark.parametrize("tall", [True, False])
def test_one_direction_of_two_by_hand(tall: bool) -> None:
    # W = 10 u v^T + 1 u' v'^T, v = (3, 4)/5, v' = (4, -3)/5, u = (1, 0), u' = (0, 1): rank 1 is
    # its first row, (6, 8). Of (1, 2) the 1 is dropped: 2 * (8, -0.6) + 1 * (6, 0).
    weight, x = tensor([[6.0, 8.0], [0.8, -0.6]]), tensor([[1.0, 2.0]])
    rows = torch.cat([weight, torch.zeros(2, 2)]) if tall else weight
    by_hand = tensor([[22.0, -1.2, 0.0, 0.0]])[:, : len(rows)]
    assert torch.allclose(output(bound("r-sparse(rank=1)", rows, x, "1:2"), x), by_hand, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_full_rank_makes_r_sparse_exact(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for shape in ((6, 8), (8, 8), (12, 8)):
        weight, x = torch.randn(shape, generator=generator), torch.randn(4, 8, generator=generator)
        made = bound("r-sparse(rank=8)", weight, x)
        assert torch.allclose(output(made, x), x @ weight.T, atol=1e-4)


def test_r_sparse_is_the_truncated_singular_value_decomposition() -> None:
    for shape in ((20, 16), (10, 16)):
        weight, x = torch.randn(shape), torch.randn(7, 16)
        made = bound("r-sparse(rank=3)", weight, x)
        u, s, v = torch.linalg.svd(weight, full_matrices=False)
        low = u[:, :3] * s[:3] @ v[:3]
        mask = made.masked(made.sites[0], x).mask
        expected = (x * mask) @ weight.T + (x * ~mask) @ low.T
        assert torch.allclose(output(made, x), expected, atol=1e-4)


def kept_whole(mitigations: str) -> Tensor:
    made = bound(mitigations, CHANNELS.diag(), TOKEN[None], "32:32", bias=BIAS)
    return output(made, TOKEN[None])


def test_where_everything_is_kept_nothing_is_sent_through() -> None:
    assert torch.equal(kept_whole("r-sparse(rank=1)"), (TOKEN * CHANNELS + BIAS)[None])


def test_settings_without_a_meaning_are_refused() -> None:
    assert_refused("at least 1", mitigations="r-sparse(rank=0)")
    assert_refused("not a int", mitigations="r-sparse(rank=2.5)")
    assert_refused("no setting of r-sparse 'alpha'", mitigations="r-sparse(alpha=1)")
