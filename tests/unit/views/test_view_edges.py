"""What has no place on an axis: no number, no bound, nothing known, and names with signs."""

from math import inf, nan

import pytest
from figures import seen

from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, MethodError, Provenance, Result
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.explore.method_errors import method_errors
from nmviz.views.explore.task_accuracies import task_accuracies


def answered(**right: float) -> Result:
    """A dense result of tasks, from the value of each task's first metric."""
    metrics = {"ifeval": "prompt_strict"}
    return Result(
        experiment=Experiment.build(pattern="dense", tasks=tuple(right), limit=20),
        measurements=tuple(
            Measurement(metric=metrics.get(task, "acc"), task=task, value=value)
            for task, value in right.items()
        ),
        provenance=Provenance(source="nmviz"),
    )


def test_an_accuracy_that_is_no_number_is_not_drawn() -> None:
    assert seen(task_accuracies({"dense": answered(boolq=0.75, piqa=nan)})) == {
        "title": "On BoolQ, right answers: dense 75%",
        "axes": {"x": "right answers (accuracy), %", "y": ["BoolQ"]},
        "traces": [
            {
                "name": "dense",
                "kind": "scatter",
                "x": [75.0],
                "y": [-0.2],
                "errors": [0.0],
                "hover": ["BoolQ, dense: 75%"],
            },
            {
                "name": "by guessing",
                "kind": "scatter",
                "x": [50.0],
                "y": [0],
                "hover": ["by guessing: 50%"],
            },
        ],
    }
    assert not task_accuracies({"dense": answered(piqa=nan)}).data


def test_no_guess_is_named_where_guessing_gives_nothing() -> None:
    figure = task_accuracies({"dense": answered(ifeval=0.25)})
    assert [trace.name for trace in figure.data] == ["dense"]


def errors(*of: tuple[str, float]) -> list[MethodError]:
    return [MethodError("activation", "criterion", name, error) for name, error in of]


def test_the_line_of_magnitude_stands_where_its_dot_does() -> None:
    figure = method_errors(errors(("magnitude", 0.0), ("random", 0.6)))
    assert figure.layout.xaxis.type == "log"
    assert figure.data[0].x[0] == figure.layout.shapes[0].x0 == pytest.approx(0.02)
    narrow = method_errors(errors(("magnitude", 0.5), ("random", 0.6)))
    assert narrow.data[0].x[0] == narrow.layout.shapes[0].x0 == 0.5


def test_errors_of_any_size_have_ticks() -> None:
    axis = method_errors(errors(("magnitude", 2e4), ("random", 3e5))).layout.xaxis
    assert list(axis.ticktext) == ["20,000", "50,000", "100,000", "200,000", "500,000"]


def test_an_interval_without_a_bound_ends_beyond_an_axis_of_any_width() -> None:
    rows = [IntervalRow("A", 0.0, -inf, inf), IntervalRow("B", 1e9, 0.9e9, 1.1e9)]
    figure = interval_rows(rows, axis="", title="")
    low, high = figure.layout.xaxis.range
    (trace,) = figure.data
    assert -trace.error_x.arrayminus[0] < low and trace.error_x.array[0] > high
    assert trace.error_x.array[1] == pytest.approx(0.1e9)
