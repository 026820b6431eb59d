"""8:16: keep 8 of every 16."""

import pytest
from torch import tensor

from methods.by_hand import WEIGHT, assert_largest_kept, assert_refused
from nmviz.base.errors import UserError
from nmviz.methods.patterns import Pattern, parse_pattern

BOTH = pytest.mark.parametrize("target", ["activation", "weight"])


def test_what_is_written_is_what_is_meant() -> None:
    pattern = parse_pattern("8:16")
    assert pattern == Pattern(keep=8, group=16) == parse_pattern(" 08:16 ")
    assert str(pattern) == "8:16"
    assert pattern.words == "keep 8 of every 16 (8:16)"
    assert pattern.density == 0.5


def test_the_bits_an_entry_are_those_of_a_uniform_choice() -> None:
    # log2(C(16, 8)) / 16 = log2(12870) / 16
    assert parse_pattern("8:16").metadata_bits() == pytest.approx(0.8532, abs=5e-5)


@BOTH
def test_the_largest_of_every_group_are_kept(target: str) -> None:
    assert_largest_kept(
        *(target, "8:16", WEIGHT),
        "0010 1011 0101 1010 0101 0010 1011 0101",
        "0010 0101 1011 0110 1001 0010 0101 1011",
    )


@BOTH
def test_ties_go_to_the_lower_index(target: str) -> None:
    x = tensor([[1.0] * 15 + [-9.0]])  # 9, then the first seven ones
    assert_largest_kept(target, "8:16", x, "1111 1110 0000 0001")
    assert_largest_kept(target, "8:16", tensor([[-2.0] * 16]), "1111 1111 0000 0000")


def test_the_width_must_be_a_multiple_of_the_group() -> None:
    parse_pattern("8:16").check_divides(576, "q")
    with pytest.raises(UserError, match="577 is not a multiple of 16"):
        parse_pattern("8:16").check_divides(577, "q")


def test_nothing_and_more_than_all_are_refused() -> None:
    assert_refused("0:16 keeps nothing", pattern="0:16")
    assert_refused("more than there is", pattern="17:16")


def test_other_spellings_mean_the_same() -> None:
    assert str(parse_pattern(" 8:16 ")) == str(parse_pattern("08:016")) == "8:16"
