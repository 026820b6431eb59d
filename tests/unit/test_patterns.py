"""All patterns: what may be written, what it means, and what is refused."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmviz.base.errors import UserError
from nmviz.methods.patterns import PRESETS, Pattern, parse_pattern


@pytest.mark.parametrize("text", PRESETS)
def test_presets_are_written_canonically(text: str) -> None:
    assert str(parse_pattern(text)) == text


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        (" 3:16 ", "3:16"),
        ("12.50 %", "12.5%"),
        ("03:016", "3:16"),
    ],
)
def test_other_spellings_mean_the_same(given: str, canonical: str) -> None:
    assert str(parse_pattern(given)) == canonical


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0:4", "keeps nothing"),
        ("5:4", "more than there is"),
        ("2:99999", "at most 4096"),
        ("0%", "out of range"),
        ("100%", "out of range"),
        ("150%", "out of range"),
        ("-1:4", "not a pattern"),
        ("2:4:8", "not a pattern"),
        ("", "not a pattern"),
        ("two of four", "not a pattern"),
        ("2:0", "more than there is"),
        ("9" * 5000, "not a pattern"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        parse_pattern(text)
    assert len(str(caught.value)) < 200


def test_percent_counts_exactly() -> None:
    assert Pattern(percent=Decimal("29")).dropped(100) == 29  # 0.29 * 100 in floats is 28.99...


@given(st.text(max_size=30))
def test_any_text_is_a_pattern_or_a_user_error(text: str) -> None:
    with suppress(UserError):
        assert parse_pattern(str(parse_pattern(text))) == parse_pattern(text)
