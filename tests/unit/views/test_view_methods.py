"""Every method at one layer, and one projection at a time: numbers, order, sentences."""

import re
from collections.abc import Sequence

import pytest
from figure_rules import check_figure
from figures import seen

from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, MethodError, Provenance, Result
from nmviz.core.settings import Target
from nmviz.views.explore.method_errors import by_error, label_of, method_errors, shortened
from nmviz.views.explore.sensitivity import by_cost, costs_of, sensitivity
from nmviz.views.shared.theme import title_of

CALIBRATE = "wanda must first be calibrated on text: press Run to do it."
ROWS = (
    MethodError("weight", "criterion", "magnitude", 0.4),
    MethodError("weight", "criterion", "wanda", reason=CALIBRATE),
    MethodError("activation", "criterion", "magnitude", 0.2),
    MethodError("activation", "criterion", "random", 0.7),
    MethodError(
        "activation", "criterion", "teal", reason="teal works with a share such as 50% only."
    ),
    MethodError("activation", "mitigation", "r-sparse", 0.16),
    MethodError("activation", "mitigation", "var", float("nan")),
)


def test_methods_are_sorted_by_error_with_what_has_none_below() -> None:
    assert [row.name for row in by_error(ROWS)] == ["r-sparse", "magnitude", "magnitude", "random"]
    figure = method_errors(ROWS)
    places = {
        name: y
        for trace in figure.data
        for (name, _), y in zip(trace.customdata, trace.y, strict=True)
    }
    assert places["R-Sparse"] == 0
    assert list(figure.layout.yaxis.tickvals) == list(range(7))
    assert figure.layout.yaxis.ticktext[0] == "R-Sparse"
    assert "Wanda" in figure.layout.yaxis.ticktext[4]
    reasons = {note.y: note.text for note in figure.layout.annotations}
    assert reasons == {
        4: "to be calibrated first",
        5: "only with a share such as 50%",
        6: "no number came out",
    }


def test_the_lines_are_magnitude_on_either_side() -> None:
    lines = method_errors(ROWS).layout.shapes
    assert [(line.x0, line.line.color) for line in lines] == [(0.4, "#D55E00"), (0.2, "#0072B2")]
    assert lines[0].line.dash != lines[1].line.dash


def test_the_methods_sentence_compares_with_magnitude() -> None:
    assert title_of(method_errors(ROWS)) == (
        "For activations, R-Sparse errs least at this layer: 0.16 against 0.20 for magnitude; "
        "for weights, nothing measured errs less than magnitude: 0.40; 3 not measured"
    )
    alone = [row for row in ROWS if row.target == "activation" and row.rel_error == row.rel_error]
    said = title_of(method_errors([row for row in alone if row.rel_error is not None]))
    assert said == "R-Sparse errs least at this layer: 0.16 against 0.20 for magnitude"


def test_errors_that_look_alike_get_a_digit_more() -> None:
    rows = [
        MethodError("activation", "criterion", "magnitude", 0.2004),
        MethodError("activation", "criterion", "wina", 0.1996),
    ]
    assert "0.1996" not in title_of(method_errors(rows))
    assert title_of(method_errors(rows)) == (
        "Nothing measured errs less than magnitude at this layer: 0.20"
    )
    rows[1] = MethodError("activation", "criterion", "wina", 0.196)
    assert "0.196 against 0.200" in title_of(method_errors(rows))


def test_an_error_that_is_rounding_stands_at_the_edge() -> None:
    rows = [*ROWS[:4], MethodError("activation", "mitigation", "r-sparse", 2e-7)]
    figure = method_errors(rows)
    repaired = next(trace for trace in figure.data if trace.name.endswith("repaired"))
    assert list(repaired.text) == ["under 0.0001"]
    assert repaired.x[0] == pytest.approx(0.7 / 30)


def test_what_is_chosen_is_bold() -> None:
    names = method_errors(ROWS, chosen=[("activation", "r-sparse"), ("weight", "wanda")])
    shown = " ".join(names.layout.yaxis.ticktext)
    assert re.findall("<b>(.*?)</b>", shown) == ["R-Sparse", "Wanda"]


def test_each_side_and_kind_has_a_marker_of_its_own() -> None:
    markers = {trace.marker.symbol for trace in method_errors(ROWS).data}
    assert markers == {"square", "circle", "circle-open"}


def test_labels_and_reasons_are_short() -> None:
    assert label_of(ROWS[5]) == "R-Sparse"
    assert label_of(MethodError("weight", "criterion", "unheard-of")) == "unheard-of"
    assert shortened("x works with an N:M pattern such as 8:16 only, not with 50%.") == (
        "only with an N:M pattern such as 8:16"
    )
    assert len(shortened("because " * 30)) <= 40


def one(target: Target, projection: str, cost: float, stderr: float | None, n: int = 5) -> Result:
    measured = Measurement(metric="delta_nll", value=cost, stderr=stderr, n=n)
    return Result(
        experiment=Experiment.build(target=target, projections=(projection,)),
        measurements=(measured,),
        provenance=Provenance(source="nmviz"),
    )


def test_each_projection_has_its_cost_and_interval() -> None:
    results = [one("activation", "q", 0.1, 0.01), one("activation", "down", 0.5, 0.02)]
    figure = sensitivity(results)
    assert seen(figure) == {
        "title": "Pruned alone, what costs most is down for activations (0.50 nats a token)",
        "axes": {
            "x": "cost of pruning this projection alone<br>(difference in mean NLL, nats a token)"
            "<br>bars: one standard error",
            "y": ["down", "q"],
        },
        "traces": [
            {
                "name": "activations",
                "kind": "scatter",
                "x": [0.5, 0.1],
                "y": [0, 1],
                "errors": [0.02, 0.01],
                "hover": [
                    "activations, down: 0.5000 ± 0.020",
                    "activations, q: 0.1000 ± 0.010",
                ],
            }
        ],
    }


def test_both_sides_stand_apart_and_are_sorted_together() -> None:
    results = [
        *(one("weight", name, cost, 0.001) for name, cost in (("q", 0.9), ("up", 0.2))),
        *(one("activation", name, cost, 0.001) for name, cost in (("q", 0.1), ("up", 0.05))),
    ]
    costs = {t: costs_of(results, t) for t in ("weight", "activation")}
    assert by_cost(costs) == ["q", "up"]  # type: ignore[arg-type]
    figure = sensitivity(results)
    assert figure.data[0].y[0] < figure.data[1].y[0]
    assert figure.data[0].marker.symbol != figure.data[1].marker.symbol
    assert title_of(figure) == (
        "Pruned alone, q costs most on both sides: 0.90 nats a token for weights, "
        "0.10 for activations"
    )


@pytest.mark.parametrize(
    ("results", "says"),
    [
        ([one("weight", "q", 0.5, 0.1), one("weight", "k", 0.4, 0.1)], "q cannot be told from k"),
        ([one("weight", "q", 0.5, None), one("weight", "k", 0.4, 0.1)], "may be noise"),
        ([one("weight", "q", 0.01, 0.1)], "nothing stands out of the noise for weights"),
    ],
)
def test_the_sensitivity_sentence_doubts_where_it_must(
    results: Sequence[Result], says: str
) -> None:
    assert says in title_of(sensitivity(results))


def test_results_that_prune_more_than_one_projection_are_left_out() -> None:
    whole = Result(
        experiment=Experiment.build(),
        measurements=(Measurement(metric="delta_nll", value=1.0),),
        provenance=Provenance(source="nmviz"),
    )
    assert not sensitivity([whole]).data
    assert not sensitivity([]).data


@pytest.mark.parametrize("dark", [False, True])
def test_both_keep_the_theme(dark: bool) -> None:
    figures = [
        method_errors(ROWS, dark=dark),
        method_errors([], dark=dark),
        sensitivity([one("weight", "q", 0.5, 0.1), one("activation", "k", 0.4, 0.1)], dark=dark),
        sensitivity([], dark=dark),
    ]
    for figure in figures:
        check_figure(figure)
        assert len(figure.data) <= 6
