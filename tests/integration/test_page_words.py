"""The panel of words that changed without a browser: what it says, filters, and writes."""

import csv
import io
import json
from typing import Any

import pytest
from forms import form

from nmviz.service import OWN_TEXT
from nmviz.ui.explore import handlers
from nmviz.ui.explore.form.controls import FIELDS
from nmviz.ui.explore.panels import changed_words
from nmviz.ui.explore.panels.render import Shown
from nmviz.ui.shell.sessions import SESSIONS

SMALL = {"corpus": "wikitext-2", "tokens": 256, "window": 64, "pattern": "2:4"}
OWN = "Zebedee hid the emerald under the seventh stair of the lighthouse. " * 30
ALL = ("", "", "")


def measured(values: list[Any]) -> Shown:
    SESSIONS.start("one")
    shown = [
        one["shown"] for one in handlers.run(values, None, "local", "one", False) if "shown" in one
    ]
    return shown[-1]


@pytest.fixture(scope="module")
def shown(tiny: str) -> Shown:
    return measured(form(model=tiny, **SMALL))


def rows(shown: Shown, *choice: str) -> list[dict[str, str]]:
    written = json.loads(changed_words.exported(shown, *choice))
    assert written["type"] == "text/csv" and written["name"].endswith("-2-4.csv")
    return list(csv.DictReader(io.StringIO(written["text"])))


def test_the_file_has_the_rows_of_the_table(shown: Shown) -> None:
    for choice in (ALL, ("weight", "", ""), ("", "wrong to wrong", ""), ("", "", "the")):
        update, found = changed_words.found((), shown, *choice), rows(shown, *choice)
        assert update["flips_table"].count("<tr>") == len(found) + 1 > 1
        assert f"{len(found)} of the words that changed" in update["flips_table"]
    assert {one["target"] for one in rows(shown, "weight", "", "")} == {"weight"}
    assert {one["what_changed"] for one in rows(shown, "", "wrong to wrong", "")} == {
        "wrong to wrong"
    }
    parts = ("before", "right", "dense", "pruned")
    for one in rows(shown, "", "", "the"):
        assert any("the" in one[part].casefold() for part in parts) or "the" in (
            f"{one['before']}{one['right']}".casefold()
        )


def test_a_choice_without_rows_says_so_and_a_wrong_one_is_a_sentence(shown: Shown) -> None:
    none = changed_words.found((), shown, "", "", "no such word")
    assert changed_words.NO_ROW in none["flips_table"] and none["flips_body"].visible
    wrong = changed_words.found((), shown, "", "other", "")
    assert "Choose what the panel lists." in wrong["flips_table"]
    long = json.loads(changed_words.exported(shown, "", "", "x" * 101))
    assert "at most 100 characters" in long["failed"]


def test_without_results_it_says_why(tiny: str) -> None:
    empty = changed_words.found((), None, *ALL)
    assert "Nothing is measured here yet." in empty["flips_head"]
    assert not empty["flips_body"].visible


def test_words_of_a_text_of_ones_own_are_shown_to_who_ran_it_and_gone_afterwards(
    tiny: str,
) -> None:
    values = form(model=tiny, **{**SMALL, "corpus": OWN_TEXT})
    values[FIELDS.index("text")] = OWN
    ran = changed_words.found((), measured(values), *ALL)
    assert "emerald" in ran["flips_table"]
    later = handlers.changed(values, None, "local")["shown"]
    assert later.stored
    again = changed_words.found((), later, *ALL)
    assert again["flips_table"] == "" and not again["flips_body"].visible
    assert "keeps how many words changed" in again["flips_head"]
    assert "Another word is the likeliest for" in again["flips_head"]


def test_words_of_a_text_of_ones_own_stay_where_the_tick_asks_for_it(tiny: str) -> None:
    without, kept = (
        form(model=tiny, **{**SMALL, "corpus": OWN_TEXT, "seed": 5}, keep_words=on)
        for on in (False, True)
    )
    for values in (without, kept):
        values[FIELDS.index("text")] = OWN
        measured(values)
        later = handlers.changed(values, None, "local")["shown"]
        found = changed_words.found((), later, *ALL)
        assert later.stored and ("emerald" in found["flips_table"]) == (values is kept)
    assert "keep_words=True" in handlers.changed(kept, None, "local")["query"]
