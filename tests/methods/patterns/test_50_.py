"""50%: drop 50 percent of every token, or of a whole weight."""

from decimal import Decimal

import pytest
from torch import tensor

from methods.by_hand import WEIGHT, assert_largest_kept, assert_refused
from nmviz.methods.patterns import Pattern, parse_pattern


def test_what_is_written_is_what_is_meant() -> None:
    pattern = parse_pattern("50%")
    assert pattern == Pattern(percent=Decimal("50")) == parse_pattern(" 50 % ")
    assert str(pattern) == str(parse_pattern("50.0%")) == "50%"
    assert pattern.words == "drop 50% (unstructured)"
    assert pattern.density == pytest.approx(0.5)
    assert pattern.metadata_bits() is None


def test_what_is_dropped_is_counted_exactly() -> None:
    assert parse_pattern("50%").dropped(32) == 16
    assert Pattern(percent=Decimal("50")).dropped(5) == 2


KEPT = {
    # a token: the largest 16 of its 32
    "activation": (
        "0010 1001 0100 1010 1101 0110 1011 0101",
        "0110 1101 1011 0110 1001 0010 0100 1001",
    ),
    # the weight: the largest 32 of its 64, from 21.5 on
    "weight": (
        "0010 0001 0000 1010 0101 0010 1001 0100",
        "0110 1101 1011 0111 1011 0110 1101 1011",
    ),
}


@pytest.mark.parametrize(("target", "kept"), KEPT.items(), ids=list(KEPT))
def test_the_smallest_are_dropped(target: str, kept: tuple[str, str]) -> None:
    assert_largest_kept(target, "50%", WEIGHT, *kept)


@pytest.mark.parametrize("target", ["activation"])
def test_ties_of_a_token_go_to_the_lower_index(target: str) -> None:
    # floor(2.5) = 2 are dropped, the last of those that tie
    assert_largest_kept(target, "50%", tensor([[3.0, -3.0, 3.0, 3.0, 3.0]]), "11100")
    assert_largest_kept(target, "50%", tensor([[1.0, 2.0, -2.0, 2.0]]), "0110")
    assert_largest_kept(target, "50%", tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]), "00111")


def test_ties_of_a_weight_go_to_the_lower_index() -> None:
    # floor(3) = 3 of the 6 are dropped, the last of those that tie
    assert_largest_kept(
        "weight", "50%", tensor([[3.0, -3.0], [3.0, 3.0], [3.0, 3.0]]), "11", "10", "00"
    )


def test_any_width_fits() -> None:
    parse_pattern("50%").check_divides(577, "q")


def test_nothing_and_everything_are_refused() -> None:
    assert_refused("out of range", pattern="0%")
    assert_refused("out of range", pattern="100%")
    assert_refused("is not a pattern", pattern="-50%")
