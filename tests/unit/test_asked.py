"""Shots, limit and chat template are part of what is measured, and keep imported results apart."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from foreign import lm_eval_document, log_document

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.store import Store, open_store, seed
from nmviz.store.transfer.asked import Asked
from nmviz.store.transfer.importing import import_file
from nmviz.store.transfer.lm_eval_json import UNKNOWN

DENSE = Experiment.build(model="example/small-1b", pattern="dense", **UNKNOWN)


@pytest.fixture
def store(tmp_path: Path):
    with open_store(tmp_path / "nmviz.sqlite") as opened:
        yield opened


def document(**changes: Any) -> dict[str, Any]:
    """One task, asked as lm-eval asks by default, but for what is changed at its top."""
    made = copy.deepcopy(lm_eval_document())
    made["results"] = {"arc_easy": {"acc,none": 0.5, "acc_stderr,none": 0.01}}
    return {**made, **changes}


def with_limit(limit: Any, effective: int = 2376) -> dict[str, Any]:
    made = document()
    made["config"]["limit"] = limit
    made["n-samples"]["arc_easy"]["effective"] = effective
    return made


def take_in(store: Store, made: dict[str, Any], folder: Path) -> list[Asked]:
    """How every result of the file was asked."""
    file = folder / "results.json"
    file.write_text(json.dumps(made))
    before = {one.provenance.source for one in store.find()}
    import_file(store, file)
    added = [one for one in store.find() if one.provenance.source not in before]
    return [Asked(one.experiment.shots, one.experiment.limit, one.experiment.chat) for one in added]


@pytest.mark.parametrize(
    ("made", "how"),
    [
        (document(), Asked(0, None, False)),
        (document(**{"n-shot": {"arc_easy": 5}}), Asked(5, None, False)),
        (document(**{"n-shot": {}}), Asked(0, None, False)),  # as its configuration says
        (document(**{"n-shot": {}, "configs": {}}), Asked(None, None, False)),
        (document(chat_template="{{ messages }}"), Asked(0, None, True)),
        (with_limit(10.0), Asked(0, 10, False)),
        (with_limit(0.1, 238), Asked(0, 238, False)),
    ],
)
def test_what_lm_eval_says_of_its_prompts_is_read(
    store: Store, tmp_path: Path, made: dict[str, Any], how: Asked
) -> None:
    assert take_in(store, made, tmp_path) == [how]
    (result,) = store.find()
    assert result.key == DENSE.but(**how._asdict()).key
    assert (result.key == DENSE.key) == (how == Asked(0, None, False))
    assert seed.verify(store, tmp_path / "none") == []


def test_no_two_ways_to_ask_share_a_key(store: Store, tmp_path: Path) -> None:
    for made in (document(), document(**{"n-shot": {"arc_easy": 5}}), with_limit(10)):
        take_in(store, made, tmp_path)
    found = store.find()
    assert len(found) == len({one.key for one in found}) == 3
    assert {json.loads(one.experiment.canonical_json()).get("shots") for one in found} == {None, 5}


def test_a_file_with_several_ways_holds_several_results(store: Store, tmp_path: Path) -> None:
    made = document(**{"n-shot": {"arc_easy": 25, "boolq": 0}})
    made["results"]["boolq"] = {"acc,none": 0.75}
    assert take_in(store, made, tmp_path) == [Asked(25, None, False), Asked(0, None, False)]
    assert [one.provenance.settings["num_fewshot"] for one in store.find()] == ["25", "0"]
    assert [one.measurements[0].task for one in store.find()] == ["arc_easy", "boolq"]


def test_a_group_has_the_questions_of_its_parts(store: Store, tmp_path: Path) -> None:
    made = with_limit(0.5)
    made["results"] = {"mmlu": {"acc,none": 0.25}}
    made["n-shot"] = {"mmlu": 0, "mmlu_law": 0}
    made["group_subtasks"] = {"mmlu": ["mmlu_law", "mmlu_art"]}
    made["n-samples"] = {"mmlu_law": {"effective": 30}, "mmlu_art": {"effective": 12}}
    assert take_in(store, made, tmp_path) == [Asked(0, 42, False)]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (document(**{"n-shot": {"arc_easy": -1}}), "at n-shot.arc_easy: it is no number of exampl"),
        (document(**{"n-shot": {"arc_easy": True}}), "at n-shot.arc_easy: it is no number"),
        (with_limit("ten"), "at config.limit: it is no number of questions"),
        (with_limit(0), "at config.limit: it is no number of questions"),
        (with_limit(1, 1), "measure with a limit of at least 2"),
        (with_limit(0.5, 0), "measure with a limit of at least 2"),
    ],
)
def test_what_is_no_way_to_ask_is_refused(
    store: Store, tmp_path: Path, made: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        take_in(store, made, tmp_path)
    assert store.find() == []


def test_a_log_says_how_it_asked(store: Store, tmp_path: Path) -> None:
    made = log_document()
    harness = made["config"]["benchmarks"]["harness"]
    assert take_in(store, made, tmp_path) == [Asked(0, None, False)]
    harness |= {"num_fewshot": 5, "apply_chat_template": True, "limit": 50}
    assert take_in(store, made, tmp_path) == [Asked(5, 50, True)]
    assert len({one.key for one in store.find()}) == 2


def test_what_an_older_version_imported_is_not_imported_again(store: Store, tmp_path: Path) -> None:
    made = document(**{"n-shot": {"arc_easy": 5}})
    take_in(store, made, tmp_path)
    (result,) = store.find()
    older = result.model_copy(update={"experiment": DENSE})  # shots stood in no key then
    with open_store(tmp_path / "older.sqlite") as before:
        before.put(older)
        report = import_file(before, tmp_path / "results.json")
        assert (report.read, report.added) == (1, 0)
        assert before.find() == [older]


def test_shots_are_no_part_of_a_run_on_text_and_stand_in_an_address() -> None:
    assert Experiment(shots=5).key == Experiment().key
    asked = Experiment(tasks="piqa", shots=5)
    assert asked.key != Experiment(tasks="piqa").key
    assert Experiment.from_query(asked.to_query()) == asked
    assert Experiment.model_validate_json(DENSE.but(shots=None).canonical_json()).shots is None
