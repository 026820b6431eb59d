"""Masks against values worked out by hand, and the rules that hold for any N:M."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, tensor

from nmviz.base.errors import UserError
from nmviz.engine.prune.masking import Ties, count_ties, matrix_mask, token_mask
from nmviz.methods.patterns import parse_pattern


def kept(scores: list[float], pattern: str) -> list[int]:
    return token_mask(tensor(scores), parse_pattern(pattern)).int().tolist()


def test_three_of_four_drops_one() -> None:
    assert kept([1, 2, 9, 4, 8, 7, 6, 5], "3:4") == [0, 1, 1, 1, 1, 1, 1, 0]


def test_ties_go_to_the_lower_index() -> None:
    assert kept([5, 5, 5, 5], "2:4") == [1, 1, 0, 0]
    assert kept([0, 0, 0, 0], "1:4") == [1, 0, 0, 0]
    assert kept([1, 3, 3, 3], "2:4") == [0, 1, 1, 0]
    assert kept([3, 1, 3, 9], "2:4") == [1, 0, 0, 1]


def test_percent_of_a_token_keeps_d_in_minus_the_floor() -> None:
    assert kept([1, 2, 3, 4, 5], "50%") == [0, 0, 1, 1, 1]  # floor(2.5) = 2 dropped
    assert kept([4, 4, 4, 1, 4], "70%") == [1, 1, 0, 0, 0]  # floor(3.5) = 3 dropped, lower index
    assert kept([1, 2, 3], "10%") == [1, 1, 1]  # floor(0.3) = 0


def test_percent_of_a_matrix_drops_exactly_the_k_smallest() -> None:
    scores = tensor([[1.0, 5.0, 2.0], [6.0, 3.0, 4.0]])
    assert matrix_mask(scores, parse_pattern("50%")).int().tolist() == [[0, 1, 0], [1, 0, 1]]
    tied = tensor([[1.0, 2.0], [2.0, 2.0]])  # k = 2: of three that tie at the cut the last one goes
    assert matrix_mask(tied, parse_pattern("50%")).int().tolist() == [[0, 1], [1, 0]]
    assert matrix_mask(torch.ones(2, 5), parse_pattern("50%")).int().tolist() == [
        [1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0],
    ]


def test_a_ternary_matrix_keeps_the_share_that_was_asked_for() -> None:
    """As BitNet and TriLM store one: a third of it zeros."""
    scores = tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]).repeat(50, 20)  # 6,000 entries
    for percent, kept in (("20%", 4800), ("50%", 3000), ("70%", 1800)):
        for generator in (None, torch.Generator().manual_seed(0)):
            mask = matrix_mask(scores, parse_pattern(percent), generator)
            assert mask.sum() == kept
            assert (scores[mask].min() >= scores[~mask].max()).all()


def test_zeros_beyond_the_share_stay() -> None:
    scores = torch.zeros(10, 10)
    scores[:, :4] = 1.0  # 60% are zeros: 50 of them go, and the ten that stay do no harm
    mask = matrix_mask(scores, parse_pattern("50%"))
    assert mask.sum() == 50
    assert mask[:, :4].all()


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(UserError, match="not finite"):
        matrix_mask(tensor([[1.0, float("nan")]]), parse_pattern("50%"))


def test_a_mask_is_made_along_d_in_of_every_row() -> None:
    scores = tensor([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]])
    assert matrix_mask(scores, parse_pattern("2:4")).int().tolist() == [[0, 0, 1, 1], [1, 1, 0, 0]]


def ties_of(scores: torch.Tensor, text: str, over: str = "matrix") -> Ties:
    pattern = parse_pattern(text)
    return count_ties(scores, matrix_mask(scores, pattern, over=over), pattern, over)


def test_ties_are_counted_where_the_rule_decides() -> None:
    scores = tensor([[1.0, 1.0, 2.0, 3.0], [5.0, 5.0, 5.0, 1.0], [1.0, 2.0, 3.0, 4.0]])
    assert ties_of(scores, "2:4") == Ties(tied=1, count=3)  # 5 5 | 5 only
    assert ties_of(scores, "3:4") == Ties(tied=1, count=3)  # 3 2 1 | 1 only
    assert ties_of(scores, "4:4") == Ties(tied=0, count=3)
    assert ties_of(tensor([[1.0, 2.0, 2.0, 3.0]]), "50%") == Ties(2, 4)
    assert ties_of(tensor([[1.0, 2.0, 3.0, 4.0]]), "50%") == Ties(0, 4)
    assert ties_of(tensor([[1.0, 2.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]]), "50%", "row") == Ties(1, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("text", ["1:4", "2:4", "8:16", "50%", "33%"])
def test_ties_are_those_of_sorted_scores(text: str, dtype: torch.dtype) -> None:
    """Of enough entries that more than one thread counts them."""
    pattern = parse_pattern(text)
    generator = torch.Generator().manual_seed(0)
    scores = torch.randint(0, 9, (300, 480), generator=generator).to(dtype)
    whole = scores.flatten()[None]
    blocks = scores.view(-1, pattern.group) if pattern.group else whole
    keep = pattern.keep or whole.numel() - pattern.dropped(whole.numel())
    ranked = blocks.sort(descending=True).values
    tied = ranked[:, keep - 1] == ranked[:, keep]
    if pattern.group:
        wanted = Ties(int(tied.sum()), len(blocks))
    else:
        wanted = Ties(int((whole == ranked[0, keep]).sum()) if tied else 0, whole.numel())
    drawn = torch.Generator().manual_seed(1)
    for mask in (matrix_mask(scores, pattern), matrix_mask(scores, pattern, drawn)):
        assert count_ties(scores, mask, pattern) == wanted


def test_random_tie_breaks_are_seeded_and_change_only_tied_entries() -> None:
    scores = torch.ones(64, 32)
    scores[:, 0] = 2  # never tied, always kept
    masks = [
        matrix_mask(scores, parse_pattern("8:16"), torch.Generator().manual_seed(s))
        for s in (0, 0, 1)
    ]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
    assert masks[0][:, 0].all()
    assert (masks[0].view(64, 2, 16).sum(-1) == 8).all()


def test_random_tie_breaks_of_a_matrix_drop_exactly_k() -> None:
    scores = tensor([[1.0, 2.0, 2.0, 2.0, 2.0, 3.0]])
    mask = matrix_mask(scores, parse_pattern("50%"), torch.Generator().manual_seed(3))
    assert mask.sum() == 3
    assert not mask[0, 0]
    assert mask[0, 5]


@st.composite
def scores_and_pattern(draw: st.DrawFn) -> tuple[Tensor, int, int]:
    group = draw(st.integers(1, 40))
    keep = draw(st.integers(1, group))
    rows, blocks = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    values = st.sampled_from([0.0, 1.0, 2.0, 3.5]) | st.floats(0, 2.0**100, width=32)
    size = rows * blocks * group
    flat = draw(st.lists(values, min_size=size, max_size=size))
    return tensor(flat, dtype=torch.float32).view(rows, blocks * group), keep, group


@settings(max_examples=150, deadline=None)
@given(scores_and_pattern())
def test_any_pattern_keeps_the_n_largest_ties_to_the_lower_index(
    case: tuple[Tensor, int, int],
) -> None:
    scores, keep, group = case
    mask = token_mask(scores, parse_pattern(f"{keep}:{group}"))
    for row_scores, row_mask in zip(scores.view(-1, group), mask.view(-1, group), strict=True):
        ranked = sorted(range(group), key=lambda i: (-row_scores[i].item(), i))
        assert sorted(ranked[:keep]) == row_mask.nonzero().flatten().tolist()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_any_float_width(dtype: torch.dtype) -> None:
    scores = tensor([1, 2, 3, 4], dtype=dtype)
    assert token_mask(scores, parse_pattern("2:4")).int().tolist() == [0, 0, 1, 1]
