"""Addresses written by commit 8bff173 open the page with the same form and the same results, and
experiments have the keys they had."""

import json
from pathlib import Path
from typing import Any

import describing
import pytest

from nmviz.core.experiment import Experiment
from nmviz.ui.explore.form.controls import FIELDS
from nmviz.ui.explore.handlers import asked
from nmviz.ui.explore.restore import restored
from nmviz.ui.shell.view import View


@pytest.fixture(autouse=True)
def texts_of_then(old_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old store, and texts with the hashes they had, whatever else this machine reads."""
    monkeypatch.delenv("NMVIZ_WIKITEXT2", raising=False)


def form(page: dict[str, Any]) -> dict[str, Any]:
    return describing.form_of(page, (*FIELDS, "scope", "chips"))


def wanted_form(link: dict[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
    """The usual form, which the first link has, but for what differs from it."""
    return {**seen["links"][0]["form"], **link["form"]}


@pytest.mark.parametrize("which", ["address", "form_address"])
def test_a_link_restores_the_form_and_the_results(
    link: dict[str, Any], seen: dict[str, Any], which: str
) -> None:
    page = restored(link[which])
    there, wanted = form(page), wanted_form(link, seen)
    assert {name: there.get(name) for name in wanted} == wanted
    assert page["text"].visible == link["has_own_text"]
    assert describing.keys_shown(page) == link["shown"]


def test_the_form_writes_the_same_address(link: dict[str, Any]) -> None:
    page = restored(link["address"])
    view = asked([there for name, there in form(page).items() if name in FIELDS]).view
    assert view.to_query() == link["form_address"]
    ones = view.experiments()
    assert [one.but(dropping="every tie").key for one in ones] == link["keys"]
    for one, key in zip(ones, link["keys"], strict=True):
        overruled = one.target == "weight" and one.pattern.endswith("%")
        assert (one.key == key) != overruled


def test_an_address_that_was_written_is_written_again(link: dict[str, Any]) -> None:
    assert View.from_query(link["form_address"]).to_query() == link["form_address"]


def test_an_experiment_has_the_key_it_had(question: dict[str, str]) -> None:
    one = Experiment(**json.loads(question["canonical"]))
    assert one.key == question["key"]
    assert one.canonical_json() == question["canonical"]
    assert one.to_query() == question["query"]


def test_a_query_gives_the_experiment_it_gave(seen: dict[str, Any]) -> None:
    """But for a hash and what is not known, which no query carries."""
    told = [(one, json.loads(one["canonical"])) for one in seen["experiments"]]
    whole = [one for one, fields in told if not fields["artefacts"] and None not in fields.values()]
    assert len(whole) > 5
    for one in whole:
        assert Experiment.from_query(one["query"]).key == one["key"]
