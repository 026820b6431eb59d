"""70%: drop 70 percent of every token, or of a whole weight."""

from decimal import Decimal

import pytest
import torch
from torch import tensor

from methods.by_hand import (
    WEIGHT,
    assert_kept,
    assert_largest_kept,
    assert_refused,
    bound,
    masked,
)
from nmviz.methods.patterns import Pattern, parse_pattern


def test_what_is_written_is_what_is_meant() -> None:
    pattern = parse_pattern("70%")
    assert pattern == Pattern(percent=Decimal("70")) == parse_pattern(" 70 % ")
    assert str(pattern) == str(parse_pattern("70.0%")) == "70%"
    assert pattern.words == "drop 70% (unstructured)"
    assert pattern.density == pytest.approx(0.3)
    assert pattern.metadata_bits() is None


def test_what_is_dropped_is_counted_exactly() -> None:
    assert parse_pattern("70%").dropped(32) == 22  # floor(22.4)
    assert Pattern(percent=Decimal("70")).dropped(10) == 7  # 0.7 * 10 in floats is over 7


KEPT = {
    # a token: the largest 10 of its 32, 22 are dropped
    "activation": (
        "0010 0001 0000 1010 0101 0010 1001 0100",
        "0010 0100 1001 0010 0001 0010 0100 1001",
    ),
    # the weight: the largest 20 of its 64, floor(44.8) = 44 are dropped
    "weight": (
        "0000 0000 0000 0000 0000 0010 0001 0000",
        "0110 1101 1011 0110 1001 0010 0101 1011",
    ),
}


@pytest.mark.parametrize(("target", "kept"), KEPT.items(), ids=list(KEPT))
def test_the_smallest_are_dropped(target: str, kept: tuple[str, str]) -> None:
    assert_largest_kept(target, "70%", WEIGHT, *kept)


@pytest.mark.parametrize("target", ["activation"])
def test_ties_of_a_token_go_to_the_lower_index(target: str) -> None:
    # floor(3.5) = 3 are dropped, the last of those that tie
    assert_largest_kept(target, "70%", tensor([[4.0, -4.0, 4.0, 1.0, 4.0]]), "11000")
    assert_largest_kept(target, "70%", tensor([[1.0, 2.0, -2.0, 2.0]]), "0110")


def test_ties_of_a_weight_go_to_the_lower_index() -> None:
    # floor(4.2) = 4 of the 6 are dropped, the last of those that tie
    assert_largest_kept(
        "weight", "70%", tensor([[3.0, -3.0], [3.0, 3.0], [3.0, 3.0]]), "11", "00", "00"
    )


def test_any_width_fits() -> None:
    parse_pattern("70%").check_divides(577, "q")


def test_nothing_and_everything_are_refused() -> None:
    assert_refused("out of range", pattern="0%")
    assert_refused("out of range", pattern="100%")
    assert_refused("is not a pattern", pattern="-70%")


@pytest.mark.parametrize("criterion", ["magnitude", "clact", "amber", "wina", "var-weight"])
def test_one_fewer_is_kept_as_in_the_code_of_authors_teal_and_wina(criterion: str) -> None:
    # 576 * 70% = 403.2: 403 are dropped and 173 kept, or 404 and 172, int(576 * 0.3)
    x, weight = torch.arange(1.0, 577)[None], torch.ones(2, 576)
    weight[1] = torch.arange(576.0).remainder(7)
    for text, kept in ((criterion, 173), (f"{criterion}(rest=dropped)", 172)):
        assert sum(masked(x, text, "70%", weight)[0]) == kept


def test_the_rest_has_no_say_where_the_share_is_whole_and_the_last_entry_stays() -> None:
    whole, rest = parse_pattern("70%"), Pattern(percent=Decimal("70"), rest_dropped=True)
    assert whole.dropped(10) == rest.dropped(10) == 7
    assert (whole.dropped(576), rest.dropped(576)) == (403, 404)
    assert rest.dropped(1) == 0
    assert str(rest) == "70%"


def test_the_rest_of_a_window_and_of_a_compiled_pass() -> None:
    x, weight = torch.arange(1.0, 11).view(2, 5), torch.ones(1, 5)  # 10 * 75% = 7.5, 5 * 75% = 3.75
    window = masked(x, "magnitude(over=window, rest=dropped)", "75%", weight)
    assert window == [[0, 0, 0, 0, 0], [0, 0, 0, 1, 1]]
    assert masked(x, "magnitude(over=window)", "75%", weight)[1] == [0, 0, 1, 1, 1]
    for text, wanted in (("magnitude", "00011"), ("magnitude(rest=dropped)", "00001")):
        made = bound("", torch.eye(5), x, "75%", criterion=text)
        assert_kept(made, x, wanted, wanted)
