"""What has no place on an axis: no number, no bound, nothing known, and names with signs."""

from collections.abc import Sequence
from math import inf, nan
from typing import Any

import pytest
from figures import seen

from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, MethodError, Provenance, Result
from nmviz.published.listing import Row
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.explore.method_errors import method_errors
from nmviz.views.explore.task_accuracies import task_accuracies
from nmviz.views.published.catalogue import KINDS
from nmviz.views.published.heatmap import models_by_methods
from nmviz.views.published.ladder import pattern_ladder
from nmviz.views.published.methods import methods_by_model
from nmviz.views.published.pairs import weights_and_activations
from nmviz.views.shared.names import in_short, marked_in_short
from nmviz.views.shared.theme import title_of


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


def row_of(method: str, value: float | None, stderr: float | None = 1.0, **fields: Any) -> Row:
    """A row of perplexities at 8:16."""
    target = "weight" if method == "WT" else "activation"
    told = {
        "experiment": Experiment.build(target=target, pattern="8:16"),
        "model": "M",
        "metric": "perplexity",
        "task": "",
        "stderr_from": "16 windows",
        "how": "printed",
        "source": "s",
        "place": "Table 1",
    }
    return Row(method=method, value=value, stderr=stderr, **{**told, **fields})


def said(kind: str, rows: Sequence[Row]) -> list[str]:
    """The hover texts of a published figure."""
    figure = KINDS[kind][1](rows)
    return [hover for trace in figure.data for hover in trace.hovertext or ()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_that_is_no_number_is_left_out(kind: str) -> None:
    known = [row_of("WT", 20.0), row_of("ACT", 15.0)]
    assert said(kind, [*known, row_of("VAR", nan), row_of("CLACT", inf)]) == said(kind, known)
    assert not KINDS[kind][1]([row_of("VAR", inf)]).data


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stderr", [nan, inf])
def test_an_error_that_is_no_number_is_not_known(kind: str, stderr: float) -> None:
    (hover,) = said(kind, [row_of("ACT", 15.0, stderr)])
    assert hover == (
        "<b>ACT, 8:16</b>, M<br>15.00<br>Table 1, printed<br>"
        "standard error: not known: no number came out"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_of_nothing_but_out_says_so(kind: str) -> None:
    figure = KINDS[kind][1]([row_of("WT", None, None), row_of("ACT", None, None)])
    assert title_of(figure) == (
        "No published number of a pruned model is known: every one is above a cut-off (OUT)"
    )


def test_a_model_named_like_a_tag_is_written_as_it_is() -> None:
    figure = weights_and_activations([row_of("WT", 20.0, model="a<b>"), row_of("ACT", 15.0)])
    assert list(figure.layout.yaxis.ticktext) == ["a&lt;b&gt;, 8:16", "M, 8:16"]


def test_a_long_name_leaves_the_points_their_room() -> None:
    long = "someone/" + "long-" * 28 + "end"
    rows = [row_of("WT", 20.0, model=long), row_of("ACT", 15.0, model=long)]
    pairs = weights_and_activations(rows)
    assert list(pairs.layout.yaxis.ticktext) == ["someone/long-lo…-long-long-end, 8:16"]
    assert long in pairs.data[0].hovertext[0]
    for draw in (pattern_ladder, methods_by_model):
        panel = draw(rows).layout.annotations[0].text
        assert panel.startswith("someone/long-long-lo…-long-long-long-end")
    (column,) = models_by_methods(rows).layout.xaxis.ticktext
    assert column.replace("<br>", "") == "someone/long…ng-long-end"


def test_a_name_is_cut_between_its_tags_and_not_within_a_sign() -> None:
    assert marked_in_short("<b>magnitude</b>") == "<b>magnitude</b>"
    assert in_short("abcdefgh", 5) == "ab…gh"
    cut = marked_in_short(f"<b>{'&lt;' * 60}</b><br>live")
    assert cut == f"<b>{'&lt;' * 20}…{'&lt;' * 19}</b><br>live"
