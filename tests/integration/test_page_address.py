"""The address of the page: nothing valid of it is lost, and every setting reaches it."""

from typing import Any

import gradio as gr
import pytest
from forms import form

from nmviz import service
from nmviz.service import OWN_TEXT
from nmviz.ui.explore import handlers
from nmviz.ui.explore.address import TABS, asked, read_address
from nmviz.ui.explore.form.controls import FIELDS
from nmviz.ui.explore.panels.zero_shot_choices import OFFERED, Questions
from nmviz.ui.explore.restore import first_view, restored
from nmviz.ui.launch import build
from nmviz.ui.shell.limits import settle
from nmviz.ui.shell.opening import comes_from
from nmviz.ui.shell.view import NAMES, View

pytestmark = pytest.mark.usefixtures("tiny")
GOOD = "pattern=2:4&criterion=clact&tokens=1024&window=256&prompt=A+clock&rows=8"


def good(page: dict[str, Any]) -> list[Any]:
    names = ("pattern", "criterion", "tokens", "window", "prompt", "rows")
    return [page[name] for name in names]


def held(value: Any) -> Any:
    """What a control is set to, of its update or of the value itself."""
    return getattr(value, "value", value)


WANTED = ["2:4", "clact", 1024, 256, "A clock", 8]


@pytest.mark.parametrize("more", ["utm_source=x&utm_medium=y", "fbclid=z", "gclid=1&_ga=2"])
def test_what_others_hang_on_a_link_is_ignored_in_silence(more: str) -> None:
    page = restored(f"{GOOD}&{more}")
    assert good(page) == WANTED
    assert more.partition("=")[0] not in page["status"] and "address" not in page["status"]


def test_an_unknown_name_is_named_and_loses_nothing() -> None:
    page = restored(f"{GOOD}&<b>nonsense</b>=1&mode=2")
    assert good(page) == WANTED
    said = "names no settings: &#x27;&lt;b&gt;nonsense&lt;/b&gt;&#x27; and &#x27;mode&#x27;"
    assert said in page["status"] and "they are ignored" in page["status"]


@pytest.mark.parametrize(
    ("bad", "name", "said"),
    [
        ("precision=x", "precision", "is a number; given: x. From the address; used instead: 0.05"),
        ("new_tokens=0", "new_tokens", "is at least 1; given: 0. From the address"),
        ("block=999", "block", "has no block 999"),
        ("projections=q,nosuch", "projections", "has no projection &#x27;nosuch&#x27;"),
        ("weight_criterion=wand", "weight_criterion", "used instead: magnitude"),
        ("corpus=elsewhere", "corpus", "does not offer the text"),
        ("model=someone/else", "model", "does not offer the model"),
        (
            "mitigations=s-pts&calibration_windows=0",
            "calibration_windows",
            "at least one calibration window",
        ),
        ("limit=1", "limit", "is at least 2; given: 1. From the address; used instead: 100"),
        ("tasks=piqa,nosuch", "tasks", "used instead: arc_easy, boolq, piqa, winogrande"),
        ("chat=perhaps", "chat", "is true or false"),
        ("target=both", "target", "no target &#x27;both&#x27;"),
    ],
)
def test_one_bad_value_loses_only_itself(bad: str, name: str, said: str) -> None:
    page, usual = restored(f"{GOOD}&{bad}"), restored("")
    assert good(page) == WANTED
    assert said in page["status"]
    if name in usual:
        assert held(page[name]) == held(usual[name])


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("pattern=9:8", "keeps more than there is"),
        ("nonsense=1&utm_source=x", "names no setting &#x27;nonsense&#x27;"),
        ("projection=<b>x</b>", "has no projection"),
    ],
)
def test_a_wrong_address_says_what_to_change(bad: str, said: str) -> None:
    page = restored(f"tokens=512&{bad}")
    assert said in page["status"] and page["tokens"] == 512
    assert "utm_source" not in page["status"] and "<b>x" not in page["status"]


def test_values_that_need_one_another_are_kept_together() -> None:
    """A budget below the usual window, a criterion of shares: each is wrong without the other."""
    page = restored("tokens=300&window=100&criterion=teal&pattern=50%&seed=many")
    assert [page[name] for name in ("tokens", "window", "criterion", "pattern")] == [
        *(300, 100, "teal", "50%")
    ]


def test_a_large_model_says_what_is_wrong_too() -> None:
    page = restored("model=llama3.1-8b&pattern=2:4&nonsense=1&block=99")
    assert (page["model"].value, page["pattern"]) == ("llama3.1-8b", "2:4")
    assert "nonsense" in page["status"] and "no block 99" in page["status"]
    assert "as published" in page["status"]


def test_what_is_asked_of_tasks_comes_back() -> None:
    part = asked(["rte", "piqa"], 30, True)
    assert part == "tasks=piqa%2Crte&limit=30&chat=True"
    page = restored(f"{GOOD}&{part}")
    assert (page["tasks"], page["limit"], page["chat"]) == (["piqa", "rte"], 30, True)
    assert good(page) == WANTED and "address" not in page["status"]
    assert Questions().to_query() == ""
    assert asked([], 100, False) == "tasks=" and restored("tasks=")["tasks"] == []
    assert asked(["piqa"], None, False) == gr.skip()
    assert set(restored("")["tasks"]) < set(OFFERED)


def test_the_address_follows_the_form() -> None:
    fields = {"prompt": "A clock", "new_tokens": 7, "temperature": 0.5, "first_row": 24, "rows": 8}
    page = restored(handlers.moved(form(**fields))["query"])
    assert {name: page[name] for name in fields} == fields
    wrong = form(**fields)
    wrong[FIELDS.index("new_tokens")] = 0
    page = restored(handlers.moved(wrong)["query"])  # a wrong one takes no other with it
    others = {name: value for name, value in fields.items() if name != "new_tokens"}
    assert {name: page[name] for name in others} == others
    assert page["new_tokens"] == View().writing.new_tokens


TEXTS = ("Prompt", "or type one:", "Blocks")
"""What is pasted or deleted in a field of text is no input event in Gradio: change is."""


def test_every_setting_reaches_the_address_by_its_own_event() -> None:
    """No control of the form is left to the next change of another one."""
    page = build()
    labels = {one._id: one for one in page.blocks.values() if isinstance(one, gr.Component)}
    query, typed = (
        next(i for i, one in labels.items() if getattr(one, "elem_id", "") == name)
        for name in ("query", "typed")
    )
    by_event = [
        ({one._id for one in event.outputs}, target, name)
        for number, event in page.fns.items()
        for target, name in comes_from(page, number)
    ]
    assert any(query in to and (target, name) == (typed, "change") for to, target, name in by_event)
    told = {
        getattr(labels[target], "label", None)
        for outputs, target, name in by_event
        if {query, typed} & outputs
        and target in labels
        and name == ("change" if getattr(labels[target], "label", None) in TEXTS else "input")
    }
    for label in ("Prompt", "Tokens to write", "Temperature", "Measure real speed", "First row"):
        assert label in told, label
    for label in ("Token budget", "Window", "Rows", "Columns", "First column", "or type one:"):
        assert label in told, label


def test_a_tab_that_is_not_there_is_named() -> None:
    usual = first_view()
    there = {one.label.lower() for one in build().blocks.values() if isinstance(one, gr.Tab)}
    assert set(TABS) == there
    for tab in TABS:
        assert read_address(f"tab={tab}&{GOOD}", usual).tab == tab
    wrong = read_address(f"tab=nowhere&{GOOD}", usual)
    assert wrong.tab == "explore" and "no tab &#x27;nowhere&#x27;" in wrong.remarks
    assert wrong.view.experiment.pattern == "2:4"


def test_choosing_a_text_of_ones_own_is_no_error() -> None:
    values = form()
    values[FIELDS.index("corpus")] = OWN_TEXT
    update = handlers.changed(values, None, "local")
    assert "Paste your own text first" in update["status"]
    assert "error" not in update["status"] and "alert" not in update["status"]
    assert "corpus=text" in handlers.moved(values)["query"]
    *_, ran = (one for one in handlers.run(values, None, "local", "own", False) if "status" in one)
    assert 'class="error stale">Paste your own text' in ran["status"]


def test_a_view_is_flat_and_built_again() -> None:
    view = settle(View.build({"pattern": "2:4", "mitigations": ("d-pts",), "rows": 8}))
    assert set(view.flat()) == set(NAMES)
    assert View.build(view.flat()) == view


def test_a_long_address_is_refused_whole() -> None:
    page = restored("utm_source=" + "x" * 9_000)
    assert "too long" in page["status"] and page["pattern"] == View().experiment.pattern


def test_the_first_offered_model_stands_in_where_the_usual_one_is_not() -> None:
    assert first_view().experiment.model in {one.id for one in service.catalogue().models}
