"""Rows by words, ranges and regular expressions."""

import pytest

from nmviz.base.errors import UserError
from nmviz.published.listing import Row, Selection
from nmviz.published.listing.terms import with_terms
from nmviz.service.listing import explore


@pytest.fixture(scope="module")
def found(module_store: object) -> list[Row]:
    return explore(Selection(metric="drop"))


def kept(found: list[Row], text: str) -> list[Row]:
    rows = with_terms(found, text)
    assert 0 < len(rows) < len(found)
    return rows


def test_words_must_all_occur(found: list[Row]) -> None:
    rows = kept(found, "table 10,  WT")
    assert {row.where for row in rows} == {"Table 10"}
    assert with_terms(found, " , ") == found


def test_columns_are_compared(found: list[Row]) -> None:
    low = kept(found, "value < 10")
    assert all(row.value is not None and row.value < 10 for row in low)
    rest = with_terms(found, "value >= 10")
    unknown = [row for row in found if row.value is None]
    assert len(low) + len(rest) + len(unknown) == len(found)
    ranged = kept(found, "value 5..10, ± 0..1")
    assert ranged == [
        row
        for row in found
        if row.value is not None
        and 5 <= row.value <= 10
        and row.stderr is not None
        and row.stderr <= 1
    ]


def test_columns_are_matched(found: list[Row]) -> None:
    assert {row.pattern for row in kept(found, "pattern ~ ^(2:4|8:16)$")} == {"2:4", "8:16"}
    assert {row.pattern for row in kept(found, r"patt ~ /^\d{1,2}:4$/, method = act")} == {"2:4"}
    assert all(row.method != "ACT" for row in kept(found, "method != act"))
    assert not {row.model for row in kept(found, "model !~ llama")} & {"Llama 2 7B"}


def test_what_is_no_column_before_an_equals_sign_are_words(found: list[Row]) -> None:
    assert with_terms(found, "ria(over=matrix)") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("valeu > 3", "There is no column 'valeu': there are model, pattern"),
        ("value > many", "value > needs a number behind it: 'many' is none."),
        ("value a..b", "A range is two numbers, such as value 3..7."),
        ("task ~ /(/", "is no regular expression: missing )"),
    ],
)
def test_what_is_wrong_is_one_sentence(found: list[Row], text: str, said: str) -> None:
    with pytest.raises(UserError, match=r"[a-z]") as told:
        with_terms(found, text)
    assert said in str(told.value)


def test_an_expression_that_takes_for_ever_is_given_up(
    found: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here each look at the clock says that a second has passed."""
    monkeypatch.setattr("nmviz.published.listing.terms.monotonic", iter(range(10**6)).__next__)
    with pytest.raises(UserError, match="takes too long: make it simpler"):
        with_terms(found, "task ~ arc")
