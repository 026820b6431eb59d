"""What has no place on an axis: no number, no bound, nothing known, and names with signs."""

from math import nan

from figures import seen

from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result
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
