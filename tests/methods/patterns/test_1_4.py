"""1:4: keep 1 of every 4."""

import pytest
from torch import tensor

from methods.by_hand import WEIGHT, assert_largest_kept, assert_refused
from nmviz.base.errors import UserError
from nmviz.engine.prune.masking import token_mask
from nmviz.methods.patterns import Pattern, parse_pattern

BOTH = pytest.mark.parametrize("target", ["activation", "weight"])


def test_what_is_written_is_what_is_meant() -> None:
    pattern = parse_pattern("1:4")
    assert pattern == Pattern(keep=1, group=4) == parse_pattern(" 01:4 ")
    assert str(pattern) == "1:4"
    assert pattern.words == "keep 1 of every 4 (1:4)"
    assert pattern.density == 0.25


def test_the_bits_an_entry_are_those_of_a_uniform_choice() -> None:
    # log2(C(4, 1)) / 4 = 2 / 4
    assert parse_pattern("1:4").metadata_bits() == pytest.approx(0.5, abs=5e-5)


@BOTH
def test_the_largest_of_every_group_are_kept(target: str) -> None:
    assert_largest_kept(
        *(target, "1:4", WEIGHT),
        "0010 0001 0100 1000 0100 0010 0001 0100",
        "0010 0100 0001 0010 0001 0010 0100 0001",
    )


@BOTH
def test_ties_go_to_the_lower_index(target: str) -> None:
    assert_largest_kept(target, "1:4", tensor([[5.0, -5.0, 5.0, 5.0]]), "1000")
    assert_largest_kept(target, "1:4", tensor([[1.0, 7.0, -7.0, 7.0]]), "0100")
    assert_largest_kept(target, "1:4", tensor([[0.0, 0.0, 0.0, 0.0]]), "1000")


def test_the_width_must_be_a_multiple_of_the_group() -> None:
    parse_pattern("1:4").check_divides(576, "q")
    with pytest.raises(UserError, match="577 is not a multiple of 4"):
        parse_pattern("1:4").check_divides(577, "q")


def test_nothing_and_more_than_all_are_refused() -> None:
    assert_refused("0:4 keeps nothing", pattern="0:4")
    assert_refused("more than there is", pattern="5:4")


def test_one_of_four_keeps_one_and_drops_three() -> None:
    scores = tensor([1.0, 2, 9, 4, 8, 7, 6, 5])
    mask = token_mask(scores, parse_pattern("1:4"))
    assert mask.int().tolist() == [0, 0, 1, 0, 1, 0, 0, 0]
