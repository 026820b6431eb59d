"""Every argument of every endpoint, and every setting of an experiment, of each wrong JSON type."""

import inspect
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from nmviz.core.experiment import Experiment
from nmviz.ui import api
from nmviz.ui.shell.failures import UNEXPECTED

GIVEN: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "whole": 5,
    "fraction": 1.5,
    "not a number": float("nan"),
    "text": "some words",
    "list": ["a"],
    "list of lists": [["a"]],
    "object": {"a": 1},
}
RIGHT: dict[str, tuple[str, ...]] = {
    "experiment": (),  # an object of its settings: of any other, the setting is named
    "prompt": ("text",),
    "projection": ("text",),
    "block": ("whole",),
    "new_tokens": ("whole",),
    **dict.fromkeys(("model", "target", "pattern", "criterion", "ties"), ("text",)),
    **dict.fromkeys(("corpus", "bos", "protocol", "dropping"), ("text",)),
    **dict.fromkeys(("mitigations", "tasks"), ("text", "list")),
    "projections": ("text", "list", "list of lists", "null"),
    **dict.fromkeys(("blocks", "by"), ("text", "null")),
    "plan": ("null",),
    **dict.fromkeys(("tokens", "window", "calibration_windows", "seed"), ("whole",)),
    **dict.fromkeys(("limit", "shots", "stride", "drop"), ("whole", "null")),
    "chat": ("boolean",),
    "artefacts": ("object",),
}
"""The types that an argument may have; what is wrong with a value of these is told elsewhere."""
ENDPOINTS = (api.lookup, api.run, api.look, api.generate)
ARGUMENTS = [
    pytest.param(endpoint, argument, id=f"{endpoint.__name__}-{argument}")
    for endpoint in ENDPOINTS
    for argument in inspect.signature(endpoint).parameters
]
SETTINGS = [
    pytest.param(endpoint, setting, id=f"{endpoint.__name__}-{setting}")
    for endpoint in ENDPOINTS
    for setting in Experiment.model_fields
]


def said_to(endpoint: Any, given: dict[str, Any]) -> str:
    """What the endpoint refuses in words."""
    with pytest.raises(gr.Error) as caught:
        answer = endpoint(**given)
        if isinstance(answer, Iterator):
            next(answer)
    assert not caught.value.print_exception
    return str(caught.value.message)


def usual(endpoint: Any, model: str) -> dict[str, Any]:
    """Arguments that the endpoint would take."""
    right = {"experiment": {"model": model}, "prompt": "A river", "block": 1, "new_tokens": 1}
    right["projection"] = "down"
    return {name: right[name] for name in inspect.signature(endpoint).parameters}


def check(said: str, name: str) -> None:
    """One sentence that names the argument, is no excuse, and says what it should be or given."""
    assert said != UNEXPECTED
    assert name.rstrip("s").replace("_", " ") in said.lower().replace("_", " ")
    assert said.endswith(".")
    assert "\n" not in said and ". " not in said


@pytest.mark.parametrize("kind", GIVEN)
@pytest.mark.parametrize(("endpoint", "argument"), ARGUMENTS)
def test_an_argument_of_the_wrong_type_is_named(
    tiny: str, endpoint: Any, argument: str, kind: str
) -> None:
    if kind in RIGHT[argument]:
        return
    said = said_to(endpoint, {**usual(endpoint, tiny), argument: GIVEN[kind]})
    check(said, "'a'" if (argument, kind) == ("experiment", "object") else argument)


@pytest.mark.parametrize(("endpoint", "setting"), SETTINGS)
def test_a_setting_of_the_wrong_type_is_named(tiny: str, endpoint: Any, setting: str) -> None:
    wrong = {kind: given for kind, given in GIVEN.items() if kind not in RIGHT[setting]}
    assert wrong
    for given in wrong.values():
        experiment = {"model": tiny, setting: given}
        check(said_to(endpoint, {**usual(endpoint, tiny), "experiment": experiment}), setting)


@pytest.mark.parametrize("kind", GIVEN)
@pytest.mark.parametrize("letter", ["a", "b"])
def test_what_names_no_result_is_refused(tiny: str, kind: str, letter: str) -> None:
    fitting = {"a": {"model": tiny}, "b": {"model": tiny}}
    said = said_to(api.compare, {**fitting, letter: GIVEN[kind]})
    assert said != UNEXPECTED and said.endswith(".") and "\n" not in said
    if kind not in ("text", "object"):
        assert said.startswith(f"{letter} names no result: ")


def test_what_was_answered_can_be_asked_again(tiny: str) -> None:
    """All fields of an experiment, with the three that are asked beside it."""
    small = {"model": tiny, "corpus": "wikitext-2", "tokens": 256, "window": 64}
    *_, last = api.run(small)
    again = last["results"][0]["experiment"]
    assert api.lookup(again)["experiment"] == again
    assert 0 < api.look(again, "Some words.", 1, "down")["rel_error"] < 2
    assert api.look(again, "Some words.", "1", "down")["block"] == 1  # type: ignore[arg-type]
