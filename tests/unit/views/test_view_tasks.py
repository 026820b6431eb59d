"""Tasks: which numbers are drawn where, and what the sentence says of them."""

import pytest

from nmviz.core.experiment import Experiment
from nmviz.core.pairing import count
from nmviz.core.results import Column, Measurement, Provenance, Result, TaskExamples
from nmviz.views.explore.task_accuracies import differences, task_accuracies, tasks_sentence
from nmviz.views.shared.theme import COLOURS, DARK, MARKERS, title_of

GOOD, BAD = "1" * 16 + "0" * 4, "1" * 6 + "0" * 14
ALMOST = "1" * 15 + "0" * 5


def run(pattern: str, target: str = "activation", digest: str = "a", **right: str) -> Result:
    """A result from which examples came out right, by task."""
    numbers = [
        Measurement(metric="acc", task=task, value=text.count("1") / 20, stderr=0.1, n=20)
        for task, text in right.items()
    ]
    examples = [
        TaskExamples(task=task, metric="acc", right=text, digest=digest * 64)
        for task, text in right.items()
    ]
    return Result(
        experiment=Experiment.build(pattern=pattern, target=target, tasks=tuple(right), limit=20),
        measurements=tuple(numbers),
        examples=tuple(examples),
        provenance=Provenance(source="nmviz"),
    )


@pytest.fixture
def results() -> dict[Column, Result]:
    return {
        "dense": run("dense", boolq=GOOD, piqa=GOOD),
        "weight": run("8:16", "weight", boolq=BAD, piqa=ALMOST),
        "activation": run("8:16", boolq=ALMOST, piqa=GOOD),
    }


def test_three_marks_a_task_and_a_tick_for_guessing(results: dict[Column, Result]) -> None:
    figure = task_accuracies(results)
    dense, weight, activation, guess = figure.data
    assert list(figure.layout.yaxis.ticktext) == ["BoolQ", "PIQA"]
    assert (list(dense.x), list(weight.x), list(activation.x)) == ([80, 80], [30, 75], [75, 80])
    assert [trace.y[0] for trace in (dense, weight, activation)] == [-0.2, 0, 0.2]
    shown: list[Column] = ["dense", "weight", "activation"]
    assert [trace.marker.symbol for trace in figure.data[:3]] == [MARKERS[one] for one in shown]
    assert [trace.marker.color for trace in figure.data[:3]] == [COLOURS[one] for one in shown]
    assert (list(guess.x), list(guess.y)) == ([50, 50], [0, 1])
    error = results["weight"].measurements[0].stderr
    assert error and weight.error_x.array[0] == pytest.approx(100 * error)
    assert figure.layout.xaxis.title.text.endswith("bars: one standard error")


def test_the_sentence_says_what_is_more_than_chance(results: dict[Column, Result]) -> None:
    assert title_of(task_accuracies(results)) == (
        "Over 2 tasks, right answers: dense 80%, weights 52% and activations 78%; beyond "
        "chance differ from dense: weights on BoolQ, activations on none of 2 "
        "(Bonferroni for 4 comparisons)"
    )
    same = {"dense": results["dense"], "activation": results["activation"]}
    assert "no difference to dense is more than chance could make" in title_of(
        task_accuracies(same)
    )  # type: ignore[arg-type]


def test_what_is_not_answered_yet_is_left_out(results: dict[Column, Result]) -> None:
    part = {**results, "activation": run("8:16", piqa=GOOD)}
    figure = task_accuracies(part)
    assert list(figure.data[2].y) == [1.2]
    assert title_of(figure).startswith("On PIQA, right answers: dense 80%")
    assert title_of(task_accuracies({})) == ""
    assert title_of(task_accuracies({"dense": run("dense")})) == ""


def test_differences_are_paired_and_only_of_the_same_examples(
    results: dict[Column, Result],
) -> None:
    apart, p = differences(results["weight"], results["dense"])["boolq"]
    pairs = count(BAD, GOOD)
    assert (apart.value, apart.stderr) == (pytest.approx(-0.5), pytest.approx(pairs.stderr))
    assert p.value == pytest.approx(pairs.p_value)
    assert differences(run("2:4", digest="b", boolq=BAD), results["dense"]) == {}


def test_dense_is_lighter_on_a_dark_page(results: dict[Column, Result]) -> None:
    assert task_accuracies(results, dark=True).data[0].marker.color == DARK.dense


def test_one_of_several_comparisons_has_to_be_surer() -> None:
    """p = 0.031, one of four comparisons: what chance alone would give now and then."""
    base, fewer = "1" * 30 + "0" * 10, "1" * 24 + "0" * 16
    dense = run("dense", piqa=base, boolq=base)
    pruned = run("2:4", piqa=base, boolq=fewer)
    assert differences(pruned, dense)["boolq"][1].value == pytest.approx(0.03125)
    alone = {"dense": run("dense", boolq=base), "activation": run("2:4", boolq=fewer)}
    assert "beyond chance differ from dense: activations on BoolQ" in tasks_sentence(alone)
    both = {"dense": dense, "activation": pruned, "weight": run("2:4", piqa=base, boolq=base)}
    said = "no difference to dense is more than chance could make (Bonferroni for 4 comparisons)"
    assert tasks_sentence(both).endswith(said)  # type: ignore[arg-type]
