"""The map of layers: what it says of each, and which is chosen."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from nmviz.ui.explore.panels.which_layer import html
from nmviz.ui.shell.limits import settle
from nmviz.ui.shell.view import View

Make = Callable[..., Any]


@pytest.fixture
def view() -> View:
    return settle(View.build({"model": "smollm2-135m", "block": 2, "projection": "v"}))


def told(page: str) -> dict[str, Any]:
    found = re.search(r'data-layers="([^"]*)"', page)
    assert found
    return json.loads(unescape(found[1]))


def test_every_layer_has_its_error_or_none(view: View, make_result: Make) -> None:
    weights = make_result("weight", [[0.1, 0.2], [0.3]], projections=("q", "down"))
    given = told(html({"weight": weights}, view))
    (side,) = given["sides"]
    assert given["blocks"] == 30 and given["chosen"] == "2,v" and given["largest"] == 0.3
    drawn = {
        (name, block): error
        for name, line in zip(given["projections"], side["errors"], strict=True)
        for block, error in enumerate(line)
        if error
    }
    assert drawn == {("q", 0): "0.10", ("down", 0): "0.20", ("q", 1): "0.30"}
    assert (side["name"], side["said"][:30]) == ("weights", "Pruning weights hurts most in ")


def test_errors_from_a_sample_say_so_and_those_that_are_no_numbers_are_left_out(
    view: View, make_result: Make
) -> None:
    exact = make_result("activation", [[0.1, 0.2]], projections=("q", "down"))
    first, second = exact.sites
    sites = (
        first.model_copy(update={"stderr": 0.0123, "n": 1024}),
        second.model_copy(update={"rel_error": float("nan")}),
    )
    given = told(html({"activation": exact.model_copy(update={"sites": sites})}, view))
    assert [line[0] for line in given["sides"][0]["errors"] if line[0]] == [
        "0.10 ± 0.012, 1,024 tokens drawn"
    ]
    assert given["largest"] == 0.1


def test_without_a_run_any_layer_can_be_chosen(view: View) -> None:
    given = told(html({}, view))
    assert given["sides"][0]["errors"] == [] and len(given["projections"]) == 7
    large = settle(View.build({"model": "llama3.1-8b"}))
    assert html({}, large) == ""
