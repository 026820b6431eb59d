"""The explorer's core: what is chosen, recomputed, marked, and how sure it is."""

from dataclasses import replace
from math import sqrt
from pathlib import Path

import pytest

from nmviz.claims.shared.drops import row as claimed
from nmviz.claims.shared.evidence import Evidence
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.published import FOUR_TASKS, Names, read_names, read_results
from nmviz.published.audit import Finding, marks
from nmviz.published.cells import Cell
from nmviz.published.listing import Row, Selection, choices, findings_of, leading, rows, widen
from nmviz.published.listing.live import DIFFERENT, missing

FOLDER = Path(__file__).parents[2] / "results/published"
FOUR = ("llama2-7b", "llama3.1-8b", "qwen2.5-7b", "gemma3-4b")


@pytest.fixture(scope="module")
def names() -> Names:
    return read_names(FOLDER)


@pytest.fixture(scope="module")
def results(names: Names) -> list[Result]:
    return read_results(FOLDER, names)


@pytest.fixture(scope="module")
def ask(names: Names, results: list[Result]):
    """`ask(selection)` or `ask(metric=..., models=...)`: rows without findings and live runs."""

    def answer(selection: Selection | None = None, **fields) -> list[Row]:
        return rows(results, names, {}, selection or Selection(**fields))

    return answer


def only(found: list[Row]) -> Row:
    (row,) = found
    return row


def test_a_drop_is_recomputed_from_the_accuracies_beside_the_dense_row(ask) -> None:
    row = only(ask(models=("llama2-7b",), methods=("WT",), places=("Table 10",)))
    pairs = ((0.57, 0.74), (0.65, 0.80), (0.69, 0.76), (0.56, 0.66))
    assert row.value == pytest.approx(100 * sum(1 - a / b for a, b in pairs) / 4)
    assert (row.how, row.printed, row.text) == ("recomputed", "16.52", "16.52%")
    assert row.note == ""


def test_its_standard_error_is_propagated_from_both_models_tasks(ask) -> None:
    row = only(ask(models=("llama2-7b",), methods=("WT",), places=("Table 10",)))
    told = ((0.57, 0.74, 2376), (0.65, 0.80, 3270), (0.69, 0.76, 1838), (0.56, 0.66, 1267))
    rounding = 0.01**2 / 12
    squares = [
        (a * (1 - a) / (n - 1) + rounding) / b**2 + a**2 * (b * (1 - b) / (n - 1) + rounding) / b**4
        for a, b, n in told
    ]
    assert row.stderr == pytest.approx(100 * sqrt(sum(squares)) / 4)
    assert row.stderr_from.startswith("binomial, n = 1267 to 3270, with rounding")
    assert "unpaired" in row.stderr_from


def test_one_task_is_its_own_drop(ask) -> None:
    row = only(ask(models=("llama2-7b",), methods=("WT",), places=("Table 10",), tasks=("boolq",)))
    assert row.value == pytest.approx(100 * 0.15 / 0.80)
    assert row.printed == ""  # what is printed is over four tasks
    apart = ask(models=("llama2-7b",), methods=("WT",), places=("Table 10",), each_task=True)
    assert [one.task for one in apart] == ["ARC-Easy", "BoolQ", "PIQA", "WinoGrande"]


def test_drops_without_accuracies_are_shown_as_printed(ask) -> None:
    for place, tasks in (("Table 2", FOUR_TASKS), ("Table 7", FOUR_TASKS), ("Table 5", ())):
        found = ask(places=(place,), tasks=tasks)
        assert found
        assert {row.how for row in found} == {"printed"}
        assert {row.stderr for row in found} == {None}
        assert all("without the accuracies" in row.stderr_from for row in found)
    assert ask(places=("Table 5",)) == []  # its drops are over eleven tasks, not four
    assert ask(places=("Table 2",), tasks=("boolq",)) == []


def test_a_log_is_compared_with_the_papers_dense_row(ask) -> None:
    (row,) = [
        row
        for row in ask(methods=("CLACT",), patterns=("2:4",), sources=("authors-logs",))
        if row.place.startswith("76880aa9")
    ]
    assert row.where == "log 76880aa9"
    assert row.note.startswith("dense as printed in Table 4 for Llama3-8B. Llama3-8B: The text")
    assert row.value == pytest.approx(17.3, abs=0.2)
    assert row.stderr_from.startswith("log and binomial")


def test_a_log_of_the_base_model_says_that_the_dense_row_is_of_another(ask) -> None:
    logs = ask(sources=("authors-logs",), models=("llama2-7b",), patterns=("8:16",))
    assert logs
    for row in logs:
        assert "Llama2-7B: Probably the chat model" in row.note
        assert "Llama-2-7b-hf: The base model" in row.note


def test_the_explorer_and_the_claims_have_one_standard_error(ask) -> None:
    names = read_names(FOLDER)
    evidence = Evidence(tuple(read_results(FOLDER, names)), names)
    for place, model, error in (("Table 10", "llama2-7b", 1.024), ("Table 6", "llama3.1-8b", 0.85)):
        row = claimed(evidence, place, model, "2:4", "ACT")
        shown = only(ask(models=(model,), methods=("ACT",), places=(place,), patterns=("2:4",)))
        assert row is not None and row.drop.high is not None
        assert shown.value == pytest.approx(row.drop.value)
        assert shown.stderr == pytest.approx((row.drop.high - row.drop.value) / 1.959964)
        assert shown.stderr == pytest.approx(error, abs=0.001)


def test_a_log_without_one_of_the_tasks_is_left_out_of_the_mean(ask) -> None:
    logs = ask(sources=("authors-logs",), models=("llama2-7b",), metric="acc")
    assert all("065ef05e" not in row.place for row in logs)
    apart = ask(sources=("authors-logs",), models=("llama2-7b",), metric="acc", each_task=True)
    assert any(row.place.startswith("065ef05e") for row in apart)


def test_accuracies_say_where_their_error_is_from(ask) -> None:
    printed = only(
        ask(metric="acc", models=("llama2-7b",), methods=("WT",), places=("Table 10",),
            tasks=("boolq",))[1:]
    )  # fmt: skip
    assert (printed.printed, printed.stderr_from) == ("0.65", "binomial, n = 3270")
    assert printed.stderr == pytest.approx(sqrt(0.65 * 0.35 / 3269))
    logged = ask(metric="acc", sources=("authors-logs",), tasks=("boolq",), methods=("CLACT",))
    assert {row.stderr_from for row in logged} == {"log"}
    mean = ask(metric="acc", places=("Table 5",), tasks=())
    assert {row.stderr for row in mean} == {None}


def test_dense_rows_stand_beside_levels_and_not_beside_drops(ask) -> None:
    asked = {"models": ("llama2-7b",), "methods": ("WT",), "places": ("Table 10",)}
    assert [row.method for row in ask(**asked, metric="perplexity")] == ["dense", "WT"]
    assert [row.method for row in ask(**asked)] == ["WT"]


def test_out_is_no_number_and_comes_last(ask) -> None:
    asked = {"metric": "perplexity", "models": ("llama2-7b",), "places": ("Table 9",)}
    for order in ("least", "most"):
        found = ask(**asked, order=order)
        known = [row.value for row in found if row.value is not None]
        assert known == sorted(known, reverse=order == "most")
        censored = found[len(known) :]
        assert len(censored) == 3
        assert {(row.value, row.printed, row.text) for row in censored} == {
            (None, "OUT", "OUT (above a cut-off)")
        }


def test_filters_and_words_narrow(ask) -> None:
    everything = ask(tasks=())
    asked = Selection(models=("gemma3-4b",), patterns=("8:16",), methods=("VAR", "ACT"), tasks=())
    found = ask(asked)
    assert 0 < len(found) < len(everything)
    assert {(row.model, row.pattern) for row in found} == {("Gemma 3 4B", "8:16")}
    assert {row.method for row in found} == {"VAR", "ACT"}
    narrowed = ask(replace(asked, words="TABLE 11, var,"))
    assert [(row.place, row.method) for row in narrowed] == [("Table 11", "VAR")]


def test_a_selection_that_leaves_nothing_says_what_to_widen(ask) -> None:
    asked = Selection(models=FOUR, patterns=("4:8",), methods=("WT",))
    assert ask(asked) == []
    said = widen(asked, ask)
    assert said.count(".") == 1
    assert "widen the methods; without that choice 1 row is left" in said


def test_the_figure_draws_one_row_and_keeps_the_others(ask) -> None:
    found = ask(models=("qwen2.5-7b",), patterns=("8:16",), methods=("WT",))
    (shown,) = leading(found)
    assert (shown.row.place, shown.row.how) == ("Table 11", "recomputed")
    assert [row.place for row in shown.others] == ["Table 2"]
    assert len(leading(ask(places=("Table 12",), tasks=()))) == 6  # layers are told apart


def test_marks_follow_every_number_that_went_in(names: Names, results: list[Result]) -> None:
    row = ("arxiv-2509.22166v1", "Table 10", "Llama2-7B")
    dense = Cell(*row, "dense", "dense", "", "acc", "boolq")
    finding = Finding("one", "made", "Made up", "0 and 1", "proved", "nothing", (dense,))
    found = rows(results, names, marks([finding]), Selection(models=("llama2-7b",)))
    marked = [row for row in found if row.marks]
    uses = [row for row in found if row.place == "Table 10" or "in Table 10" in row.note]
    assert marked == uses
    assert any(row.where.startswith("log") for row in uses)  # its dense row is that table's
    assert findings_of(found) == (finding,)
    other = Selection(models=("llama2-7b",), tasks=("piqa",))
    assert findings_of(rows(results, names, marks([finding]), other)) == ()


def live_run(pattern: str = "2:4", **fields) -> Result:
    measured = (
        Measurement(metric="perplexity", value=33.5, stderr=2.0, n=31, unit_of_n="blocks"),
        Measurement(metric="delta_nll", value=0.81, stderr=0.03, n=31, unit_of_n="blocks"),
    )
    return Result(
        experiment=Experiment.build(pattern=pattern, **fields),
        measurements=measured,
        provenance=Provenance(source="nmviz"),
    )


def test_live_runs_are_laid_over_perplexity_and_say_that_they_differ(names, results) -> None:
    asked = Selection(metric="perplexity", patterns=("2:4",), methods=("ACT",), live=True)
    part = live_run(projections=("q",))
    found = rows(results, names, {}, asked, [live_run(), live_run("4:8"), part])
    live = [row for row in found if row.live]
    assert [(row.metric, row.value) for row in live] == [("perplexity", 33.5), ("delta_nll", 0.81)]
    assert found[-2:] == live
    assert {row.note for row in live} == {DIFFERENT}
    assert live[0].model not in {row.model for row in found if not row.live}
    assert "2,048 tokens of wiki-leads" in live[0].place
    assert not [r for r in rows(results, names, {}, replace(asked, live=False)) if r.live]


def test_a_live_cost_says_its_noise_floor_where_it_was_measured(names, results) -> None:
    floor = NoiseFloor(of="pruned", kl=0.5, delta_nll=0.062, draws=3)
    rough = live_run().model_copy(update={"noise_floors": (floor,)})
    asked = Selection(metric="perplexity", patterns=("2:4",), methods=("ACT",), live=True)
    for run, said in ((live_run(), ""), (rough, "; noise floor 0.062 nats a token")):
        level, cost = (row for row in rows(results, names, {}, asked, [run]) if row.live)
        assert (level.stderr_from, cost.stderr_from) == ("31 blocks", f"31 blocks{said}")


def test_no_drop_is_made_up_for_a_live_run(names, results) -> None:
    asked = Selection(live=True)
    assert not [row for row in rows(results, names, {}, asked, [live_run()]) if row.live]
    assert "all the chosen tasks must have been run" in missing(asked, [])
    found = rows(results, names, {}, replace(asked, metric="perplexity"), [live_run()])
    assert missing(asked, found) == missing(replace(asked, live=False), []) == ""


def task_run(pattern: str, right: dict[str, float], apart: float | None = None) -> Result:
    """A run of tasks, 100 examples each, with errors of round numbers."""
    numbers = [
        Measurement(metric="acc", task=task, value=value, stderr=0.05, n=100, unit_of_n="examples")
        for task, value in right.items()
    ]
    numbers += [
        Measurement(metric="acc_difference", task=task, value=-0.1, stderr=apart, n=100)
        for task in right
        if apart is not None
    ]
    return Result(
        experiment=Experiment.build(pattern=pattern, tasks=tuple(right), limit=100),
        measurements=tuple(numbers),
        provenance=Provenance(source="nmviz"),
    )


TASK_RUNS = [
    task_run("dense", {"boolq": 0.6, "arc_easy": 0.5}),
    task_run("2:4", {"boolq": 0.45, "arc_easy": 0.45}, apart=0.03),
]


def test_accuracies_of_live_runs_are_laid_over_with_their_dense_run(names, results) -> None:
    two = ("boolq", "arc_easy")
    asked = Selection(metric="acc", patterns=("2:4",), methods=("ACT",), tasks=two, live=True)
    live = [row for row in rows(results, names, {}, asked, TASK_RUNS) if row.live]
    assert [(row.method, row.value) for row in live] == [
        ("dense", pytest.approx(0.55)),
        ("ACT", pytest.approx(0.45)),
    ]
    assert live[0].stderr == pytest.approx(sqrt(2 * 0.05**2) / 2)
    assert live[0].place == "first 100 examples of each task (validation and test)"
    assert {row.note for row in live} == {DIFFERENT}
    lacking = replace(asked, tasks=(*two, "piqa"))
    assert not [row for row in rows(results, names, {}, lacking, TASK_RUNS) if row.live]


def test_the_drop_of_a_live_run_is_paired(names, results) -> None:
    asked = Selection(patterns=("2:4",), methods=("ACT",), tasks=("boolq",), live=True)
    shown = only([row for row in rows(results, names, {}, asked, TASK_RUNS) if row.live])
    assert (shown.metric, shown.task) == ("average_drop", "BoolQ")
    assert shown.value == pytest.approx(25)
    # ratio 0.75, covariance (2 * 0.05^2 - 0.03^2) / 2 = 0.00205, over dense 0.6 squared
    variance = (0.05**2 + 0.75**2 * 0.05**2 - 2 * 0.75 * 0.00205) / 0.36
    assert shown.stderr == pytest.approx(100 * sqrt(variance))
    assert shown.stderr_from == "paired, n = 100"
    alone = [row for row in rows(results, names, {}, asked, TASK_RUNS[1:]) if row.live]
    assert alone == []


def test_everything_there_is_can_be_chosen(names, results) -> None:
    offered = choices(results, names)
    assert tuple(offered.models)[:4] == FOUR
    assert offered.patterns == ("2:4", "4:8", "8:16", "16:32", "20%", "50%", "70%", "90%")
    assert offered.methods[:4] == ("dense", "WT", "ACT", "CLACT")
    assert offered.places[:2] == ("Table 2", "Table 3")
    assert len(offered.places) == 10 + 22
    assert "ifeval" not in offered.tasks
