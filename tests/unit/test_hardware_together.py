"""The columns that several tokens need together, by hand."""

import pytest
import torch

from nmviz.engine.look.together import Together, in_a_row

MASK = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [1, 1, 1, 1]]) == 1


def test_groups_in_a_row_do_not_overlap_and_the_rest_is_left_out() -> None:
    """Tokens 1 and 2 keep 2 of 4 columns together, 3 and 4 keep 1; the fifth is in no group."""
    assert in_a_row(MASK, 2) == pytest.approx((2 / 4 + 1 / 4) / 2)
    assert in_a_row(MASK, 4) == pytest.approx(3 / 4)
    assert in_a_row(MASK, 8) is None


def test_texts_are_joined_token_by_token_in_groups_that_share_none() -> None:
    """Places 1 and 2 of two texts: rows {1, 0, 0, 0} and {0, 0, 1, 0}, then {1, 1, 0, 0} and
    {0, 0, 1, 0}: 2 and 3 of 4 columns."""
    together, site = Together(), object()
    for text in (MASK, MASK[2:4], MASK, MASK):
        together.add({site: text})  # type: ignore[dict-item]
    first, second = together.shares["2 texts"]
    assert first == pytest.approx((2 / 4 + 3 / 4) / 2)
    assert second == pytest.approx(MASK.float().mean().item())
    assert len(together.shares["4 texts"]) == 1 and "8 texts" not in together.shares
    assert len(together.shares["2 tokens of one text"]) == 4
    assert len(together.shares["4 tokens of one text"]) == 3
