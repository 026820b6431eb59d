"""16:32: keep 16 of every 32."""

import pytest
from torch import tensor

from methods.by_hand import WEIGHT, assert_largest_kept, assert_refused
from nmviz.base.errors import UserError
from nmviz.methods.patterns import Pattern, parse_pattern

BOTH = pytest.mark.parametrize("target", ["activation", "weight"])


def test_what_is_written_is_what_is_meant() -> None:
    pattern = parse_pattern("16:32")
    assert pattern == Pattern(keep=16, group=32) == parse_pattern(" 016:32 ")
    assert str(pattern) == "16:32"
    assert pattern.words == "keep 16 of every 32 (16:32)"
    assert pattern.density == 0.5


def test_the_bits_an_entry_are_those_of_a_uniform_choice() -> None:
    # log2(C(32, 16)) / 32 = log2(601080390) / 32
    assert parse_pattern("16:32").metadata_bits() == pytest.approx(0.9113, abs=5e-5)


@BOTH
def test_the_largest_of_every_group_are_kept(target: str) -> None:
    assert_largest_kept(
        *(target, "16:32", WEIGHT),
        "0010 1001 0100 1010 1101 0110 1011 0101",
        "0110 1101 1011 0110 1001 0010 0100 1001",
    )


@BOTH
def test_ties_go_to_the_lower_index(target: str) -> None:
    x = tensor([[1.0] * 30 + [2.0, -2.0]])  # both twos, then the first fourteen ones
    assert_largest_kept(target, "16:32", x, "1111 1111 1111 1100 0000 0000 0000 0011")
    all_equal = tensor([[3.0] * 32])
    assert_largest_kept(target, "16:32", all_equal, "1111 1111 1111 1111" + "0000" * 4)


def test_the_width_must_be_a_multiple_of_the_group() -> None:
    parse_pattern("16:32").check_divides(576, "q")
    with pytest.raises(UserError, match="577 is not a multiple of 32"):
        parse_pattern("16:32").check_divides(577, "q")


def test_nothing_and_more_than_all_are_refused() -> None:
    assert_refused("0:32 keeps nothing", pattern="0:32")
    assert_refused("more than there is", pattern="33:32")
