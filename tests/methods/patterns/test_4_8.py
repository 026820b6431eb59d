"""4:8: keep 4 of every 8."""

import pytest
from torch import tensor

from methods.by_hand import WEIGHT, assert_largest_kept, assert_refused
from nmviz.base.errors import UserError
from nmviz.methods.patterns import Pattern, parse_pattern

BOTH = pytest.mark.parametrize("target", ["activation", "weight"])


def test_what_is_written_is_what_is_meant() -> None:
    pattern = parse_pattern("4:8")
    assert pattern == Pattern(keep=4, group=8) == parse_pattern(" 04:8 ")
    assert str(pattern) == "4:8"
    assert pattern.words == "keep 4 of every 8 (4:8)"
    assert pattern.density == 0.5


def test_the_bits_an_entry_are_those_of_a_uniform_choice() -> None:
    # log2(C(8, 4)) / 8 = log2(70) / 8
    assert parse_pattern("4:8").metadata_bits() == pytest.approx(0.7662, abs=5e-5)


@BOTH
def test_the_largest_of_every_group_are_kept(target: str) -> None:
    assert_largest_kept(
        *(target, "4:8", WEIGHT),
        "0010 1011 0101 1010 0101 0110 1001 0101",
        "0010 1101 1001 0110 1001 0110 0100 1011",
    )


@BOTH
def test_ties_go_to_the_lower_index(target: str) -> None:
    # 3, then three of the five twos: those at 0, 2 and 3
    x = tensor([[2.0, 1.0, -2.0, 2.0, 1.0, 2.0, -2.0, 3.0]])
    assert_largest_kept(target, "4:8", x, "1011 0001")
    assert_largest_kept(target, "4:8", tensor([[1.0] * 8]), "1111 0000")


def test_the_width_must_be_a_multiple_of_the_group() -> None:
    parse_pattern("4:8").check_divides(576, "q")
    with pytest.raises(UserError, match="577 is not a multiple of 8"):
        parse_pattern("4:8").check_divides(577, "q")


def test_nothing_and_more_than_all_are_refused() -> None:
    assert_refused("0:8 keeps nothing", pattern="0:8")
    assert_refused("more than there is", pattern="9:8")
