"""Rows of dots with intervals: what is drawn, where, and what is left out."""

import math

import pytest
from figures import seen

from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.shared.theme import COLOURS

ROWS = [
    IntervalRow("A", 2.0, 1.0, 4.0, "weights"),
    IntervalRow("A", 1.0, 0.5, 1.5, "activations", marked=True),
    IntervalRow("B", 5.0, None, None, "activations"),
]


def test_series_share_a_row_and_keep_their_intervals() -> None:
    figure = interval_rows(ROWS, axis="cost", title="What is seen")
    assert seen(figure) == {
        "title": "What is seen",
        "axes": {"x": "cost", "y": ["A", "B"]},
        "traces": [
            {
                "name": "weights",
                "kind": "scatter",
                "x": [2.0],
                "y": [-0.12],  # above the dot that shares its row
                "errors": [2.0],
                "errors_below": [1.0],
                "hover": ["A, weights: 2 (1 to 4)"],
            },
            {
                "name": "activations",
                "kind": "scatter",
                "x": [1.0, 5.0],
                "y": [0.12, 1.0],
                "errors": [0.5, 0.0],
                "errors_below": [0.5, 0.0],
                "hover": ["A, activations: 1 (0.5 to 1.5)", "B, activations: 5"],
            },
        ],
    }


def test_colour_and_shape_tell_the_target_and_open_tells_the_mark() -> None:
    weights, activations = interval_rows(ROWS, axis="", title="").data
    assert weights.marker.color == COLOURS["weight"]
    assert activations.marker.color == COLOURS["activation"]
    assert list(weights.marker.symbol) == ["square"]
    assert list(activations.marker.symbol) == ["circle-open", "circle"]


def test_other_series_differ_by_shape() -> None:
    rows = [IntervalRow("A", 1.0, series=name) for name in ("2:4", "8:16", "16:32")]
    shapes = {trace.marker.symbol[0] for trace in interval_rows(rows, axis="", title="").data}
    assert len(shapes) == 3


def test_the_axis_holds_every_interval_and_line() -> None:
    figure = interval_rows(ROWS, axis="", title="", lines={"as good": -3.0})
    low, high = figure.layout.xaxis.range
    assert low < -3.0 and high > 5.0
    assert figure.layout.shapes[0].x0 == -3.0
    assert figure.layout.annotations[0].text == "as good"
    bounded = interval_rows(ROWS, axis="", title="", least=0.0, most=4.0)
    assert list(bounded.layout.xaxis.range) == [0.0, 4.0]


def test_an_interval_without_a_bound_is_drawn_over_the_edge() -> None:
    rows = [IntervalRow("A", 1.0, -math.inf, math.inf), IntervalRow("B", 2.0, 1.0, 3.0)]
    figure = interval_rows(rows, axis="", title="")
    (trace,) = figure.data
    assert trace.error_x.array[0] > 100 and trace.error_x.arrayminus[0] > 100
    assert figure.layout.xaxis.range[1] < 10
    assert "no bound" in trace.customdata[0][1]


@pytest.mark.parametrize("dark", [False, True])
def test_one_series_has_no_legend_and_nothing_is_said_in_words(dark: bool) -> None:
    one = interval_rows(ROWS[:1], axis="", title="", dark=dark)
    two = interval_rows(ROWS, axis="", title="", dark=dark)
    assert (one.layout.showlegend, two.layout.showlegend) == (False, True)
    assert (one.layout.height, two.layout.height) == (100, 158)
    assert one.layout.meta["dark"] == dark
    nothing = interval_rows([], axis="", title="", dark=dark)
    assert "nothing" in nothing.layout.annotations[0].text
