"""Every figure draws, carries numbers computed by hand, and keeps the rules of the theme."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from figure_rules import check_figure
from figures import seen

from nmviz.core.results import Result, SiteLook
from nmviz.core.site_errors import SAMPLED_ERRORS
from nmviz.views.explore.distribution import FLOOR, cut_of, distribution
from nmviz.views.explore.error_depth import error_over_depth, line_of
from nmviz.views.explore.layer_grid import hurts_most
from nmviz.views.explore.mask import block_rules, mask, print_power, shared_by_tokens
from nmviz.views.explore.stretch import is_uneven, nice_ticks, stretch
from nmviz.views.shared.theme import COLOURS, DARK, empty, plot_config, style, title_of, with_title

Make = Callable[..., Any]


def trace(figure: go.Figure, name: str) -> Any:
    return next(one for one in figure.data if one.name == name)


def every_figure(both: dict[Any, Result], look: Make, dark: bool) -> Iterator[go.Figure]:
    yield error_over_depth(both, dark=dark, selected=(3, "down"))
    yield error_over_depth(both, measure="drift", dark=dark, selected=(3, "down"))
    yield error_over_depth({}, dark=dark)
    for target in ("weight", "activation"):
        yield distribution(look(target), dark=dark)
        yield mask(look(target), dark=dark)
        yield mask(look(target, rows=40, columns=96), dark=dark)
    yield distribution(look("activation", shift=0.3), dark=dark)


@pytest.mark.parametrize("dark", [False, True])
def test_every_figure_keeps_the_theme(both: Any, make_look: Make, dark: bool) -> None:
    for figure in every_figure(both, make_look, dark):
        check_figure(figure)
        assert len(figure.data) <= 6


def test_median_line_is_the_median_of_the_block(make_result: Make) -> None:
    result = make_result("weight", [[0.1, 0.2, 0.9], [0.4, 0.3, 0.5]])
    assert line_of(result) == {0: 0.2, 1: 0.4}
    assert line_of(result, projection="v") == {0: 0.9, 1: 0.5}
    figure = error_over_depth({"weight": result})
    assert list(trace(figure, "weights").x) == [0, 1]
    assert list(trace(figure, "weights").y) == [0.2, 0.4]
    dots = trace(figure, "weights, each layer")
    assert list(dots.y) == [0.1, 0.2, 0.9, 0.4, 0.3, 0.5]
    assert list(dots.customdata[2]) == [0, "v"]


def test_projection_draws_its_own_line(both: dict[Any, Result]) -> None:
    figure = error_over_depth(both, projection="down")
    down = [site.rel_error for site in both["weight"].sites if site.projection == "down"]
    assert list(trace(figure, "weights").y) == pytest.approx(down)
    assert "line: down" in figure.layout.xaxis.title.text


def test_each_target_has_colour_dash_and_marker(both: dict[Any, Result]) -> None:
    figure = error_over_depth(both)
    weight, activation = trace(figure, "weights"), trace(figure, "activations")
    assert (weight.line.color, activation.line.color) == ("#D55E00", "#0072B2")
    assert weight.line.dash != activation.line.dash
    assert weight.marker.symbol != activation.marker.symbol


def test_errors_from_a_sample_say_so(make_result: Make) -> None:
    exact = make_result("weight", [[0.1, 0.2]])
    sites = [site.model_copy(update={"stderr": 0.0123, "n": 1024}) for site in exact.sites]
    settings = {SAMPLED_ERRORS: "from a sample"}
    made = exact.provenance.model_copy(update={"settings": settings})
    sampled = exact.model_copy(update={"sites": tuple(sites), "provenance": made})
    for result, said in ((exact, ""), (sampled, " ± 0.012, 1,024 tokens drawn")):
        figure = error_over_depth({"weight": result})
        assert set(figure.data[0].text) == {said}
        assert ("from a sample of the tokens" in figure.layout.xaxis.title.text) == bool(said)


def test_selected_layer_is_ringed_on_both_sides(both: dict[Any, Result]) -> None:
    ring = trace(error_over_depth(both, selected=(3, "down")), "block 3, down")
    chosen = [
        site.rel_error
        for result in both.values()
        for site in result.sites
        if (site.block, site.projection) == (3, "down")
    ]
    assert list(ring.y) == pytest.approx(chosen)
    assert "block 99, down" not in [
        one.name for one in error_over_depth(both, selected=(99, "down")).data
    ]


def test_wide_ranges_are_drawn_on_a_log_axis(make_result: Make) -> None:
    narrow = error_over_depth({"weight": make_result("weight", [[0.1], [1.9]])})
    wide = error_over_depth({"weight": make_result("weight", [[0.01], [0.3]])})
    with_zero = error_over_depth({"weight": make_result("weight", [[0.0], [0.3]])})
    assert narrow.layout.yaxis.type != "log"
    assert wide.layout.yaxis.type == "log"
    assert "0.02" in wide.layout.yaxis.ticktext
    assert with_zero.layout.yaxis.type != "log"


def test_numbers_that_are_none_are_left_out(make_result: Make) -> None:
    result = make_result("weight", [[float("nan"), 0.2], [float("inf"), 0.4]])
    assert line_of(result) == {0: 0.2, 1: 0.4}
    assert error_over_depth({"weight": make_result("weight", [[float("nan")]])}).layout.annotations


def test_drift_is_drawn_as_given(make_result: Make) -> None:
    figure = error_over_depth(
        {"activation": make_result("activation", drift=[0.1, 0.2, 0.4])}, measure="drift"
    )
    assert seen(figure) == {
        "title": "Drift for activations starts at 0.10 in block 0",
        "axes": {"x": "block (0 = first)", "y": "drift of the hidden state (share)"},
        "traces": [
            {
                "name": "activations",
                "kind": "scatter",
                "x": [0, 1, 2],
                "y": [0.1, 0.2, 0.4],
                "hover": [
                    "activations, block 0, 0.100",
                    "activations, block 1, 0.200",
                    "activations, block 2, 0.400",
                ],
            }
        ],
    }


def test_the_layer_that_is_hurt_most_is_named(make_result: Make) -> None:
    result = make_result("activation", [[0.1, 0.2], [0.3]], projections=("q", "down"))
    assert hurts_most(result) == (
        "Pruning activations hurts most in block 1, q: relative error 0.30, 1.5 times the"
        " median layer"
    )
    assert hurts_most(make_result("weight")) == (
        "No layer with pruned weights is measured here yet"
    )
    alike = make_result("weight", [[0.2, 0.2], [0.21, 0.2]])
    assert hurts_most(alike) == "Pruning weights hurts no layer much more than another: 0.20"


def test_distribution_shows_before_kept_and_dropped(make_look: Make) -> None:
    look = make_look("activation")
    counts = replace(
        look.inputs,
        edges=np.array([-1.0, 0.0, 1.0, 2.0]),
        kept=np.array([3, 0, 5]),
        dropped=np.array([1, 7, 0]),
    )
    figure = distribution(replace(look, inputs=counts))
    assert list(trace(figure, "before").y) == [4, 7, 5, 5]
    assert list(trace(figure, "kept").y) == [3, FLOOR, 5, 5]
    assert [count for count, _ in trace(figure, "kept").customdata] == [3, 0, 5, 5]
    assert trace(figure, "kept").customdata[1][1] == "0 to 1"
    assert list(trace(figure, "dropped").y) == [1, 7, FLOOR, FLOOR]
    assert list(trace(figure, "pile at 0").y) == [FLOOR, 8]
    assert list(trace(figure, "cut ±0.20").x) == [-0.2, -0.2, None, 0.2, 0.2, None]
    assert figure.layout.yaxis.range[0] > np.log10(FLOOR)
    assert title_of(figure) == "Half of the inputs become 0; the output moves by 12% of its size"


def test_distribution_piles_up_at_the_shift(make_look: Make) -> None:
    figure = distribution(make_look("activation", shift=0.5))
    assert list(trace(figure, "pile at shift").x) == [0.5, 0.5]
    assert trace(figure, "shift 0.50").x[0] == 0.5
    assert list(trace(figure, "cut ±0.20").x[::3]) == pytest.approx([0.3, 0.7])
    assert "become the shift taken from them (0.50 on average)" in title_of(figure)


def test_cut_is_drawn_only_where_scores_are_distances(make_look: Make) -> None:
    for shift in (None, 0.5):
        look = make_look("activation", shift=shift)
        assert cut_of(look) == 0.2
        weighted = replace(look.mask, scores=look.mask.scores * np.linspace(1, 2, 16))
        assert cut_of(replace(look, mask=weighted)) is None


def test_cut_allows_another_shift_for_every_token(make_look: Make) -> None:
    look = make_look("activation", shift=0.5)
    centres = np.linspace(-1, 1, 8)[:, None]
    scores = np.abs(look.mask.values - centres)
    assert cut_of(replace(look, mask=replace(look.mask, scores=scores))) == 0.2


def test_uneven_bins_are_drawn_equally_wide(make_look: Make) -> None:
    look = make_look("activation")
    edges = np.array([-100.0, -1.0, 0.0, 1.0, 100.0])
    counts = replace(look.inputs, edges=edges, kept=np.array([1, 2, 2, 1]), dropped=np.ones(4, int))
    figure = distribution(replace(look, inputs=counts))
    assert list(trace(figure, "kept").x) == [0, 1, 2, 3, 4]
    assert list(trace(figure, "pile at 0").x) == [2, 2]
    assert list(trace(figure, "cut ±0.20").x[::3]) == pytest.approx([1.8, 2.2])
    assert list(figure.layout.xaxis.tickvals) == pytest.approx([0, 10 / 11, 2, 34 / 11, 4])
    assert list(figure.layout.xaxis.ticktext) == ["−100", "−10", "0", "10", "100"]
    assert is_uneven(edges) and not is_uneven(look.inputs.edges)


def test_stretch_leaves_gaps_and_ticks_apart() -> None:
    edges = np.sinh(np.linspace(-8, 8, 101))
    figure = go.Figure(go.Scatter(x=[0.0, None, float(edges[-1])], y=[1, None, 2]))
    stretch(figure, edges)
    assert list(figure.data[0].x) == pytest.approx([50, None, 100])
    places = np.interp(nice_ticks(edges), edges, np.arange(101))
    assert np.diff(places).min() >= 101 / 8
    assert 0.0 in nice_ticks(edges)
    assert nice_ticks(np.array([0.2, 0.3, 0.9])) == [0.2, 0.9]


def test_distribution_of_nothing_and_of_all_kept(make_look: Make) -> None:
    look = make_look("weight")
    none = np.zeros(50, dtype=int)
    assert distribution(
        replace(look, inputs=replace(look.inputs, kept=none, dropped=none))
    ).layout.annotations
    dense = distribution(replace(look, inputs=replace(look.inputs, dropped=none)))
    assert title_of(dense) == "All weights are kept"
    assert not any(str(one.name).startswith("pile") for one in dense.data)


def test_mask_draws_the_window_where_it_lies(make_look: Make) -> None:
    look = make_look("activation", first_row=4, first_column=30)
    cells = mask(look).data[0]
    assert np.array_equal(cells.z, look.mask.kept)
    assert (cells.y0, cells.x0) == (4, 30)
    assert np.asarray(cells.customdata)[2, 3] == pytest.approx(
        [look.mask.values[2, 3], look.mask.scores[2, 3]]
    )
    labels = mask(look).layout.yaxis.ticktext
    assert labels[0] == "a 4"
    assert labels[3] == "extraordina… 7"
    assert labels[6] == "&lt;b&gt; 10"
    assert labels[7] == "↵ 11"


def test_blocks_are_ruled_from_the_first_column_of_the_layer(make_look: Make) -> None:
    assert block_rules(make_look("weight", first_column=30).mask) == [31.5, 35.5, 39.5, 43.5]
    assert block_rules(make_look("weight", first_column=32).mask) == [35.5, 39.5, 43.5]
    assert block_rules(replace(make_look("weight").mask, group=None)) == []


def test_small_windows_print_their_values(make_look: Make) -> None:
    look = make_look("weight", rows=2, columns=4)
    values = np.array([[0.31, -0.06, 0.004, -0.001], [0.5, 0.25, -0.99, 0.1]], dtype=np.float32)
    figure = mask(replace(look, mask=replace(look.mask, values=values)))
    assert [list(row) for row in figure.data[0].text] == [
        ["31", "-6", "0", "0"],
        ["50", "25", "-99", "10"],
    ]
    assert "value × 100" in figure.layout.xaxis.title.text
    assert list(figure.layout.yaxis.ticktext) == ["0", "1"]
    assert mask(make_look("weight", rows=40, columns=96)).data[0].text is None


def test_print_power_suits_the_width_and_the_values() -> None:
    assert print_power(np.full((2, 4), 0.5)) == 2
    assert print_power(np.full((2, 32), 0.5)) == 1
    assert print_power(np.full((2, 4), 500.0)) == 0
    assert print_power(np.zeros((2, 4))) == 0


def test_shared_by_tokens_by_hand() -> None:
    kept = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]], dtype=bool)
    assert shared_by_tokens(kept) == pytest.approx(0.5)  # each pair shares the first of two
    assert shared_by_tokens(kept[:1]) is None
    assert shared_by_tokens(np.zeros((3, 4), dtype=bool)) is None


def test_mask_titles(make_look: Make) -> None:
    def titled(target: str, kept: list[list[int]]) -> str:
        look: SiteLook = make_look(target, rows=len(kept), columns=4)
        return title_of(mask(replace(look, mask=replace(look.mask, kept=np.array(kept, bool)))))

    two = [[1, 1, 0, 0], [1, 0, 1, 0]]
    assert titled("weight", two) == (
        "One mask for every token: this window keeps 50% of its weights"
    )
    assert titled("activation", two) == (
        "Each token has its own mask: two of them share 50% of what they keep, by chance 50%"
    )
    assert titled("activation", two[:1]) == "This window keeps 50% of its entries"
    assert titled("activation", [two[0]] * 2) == (
        "These tokens keep the same entries, 50% of this window"
    )
    assert titled("weight", [[1] * 4] * 2) == "Every entry of this window is kept"


def test_empty_window_explains_itself(make_look: Make) -> None:
    assert mask(make_look("weight", rows=0)).layout.annotations


def test_dense_is_lighter_on_a_dark_page() -> None:
    assert DARK.colour("dense") != COLOURS["dense"]
    assert DARK.colour("weight") == COLOURS["weight"]


def test_title_is_written_on_a_copy_for_paper() -> None:
    figure = style(go.Figure(), title="Error grows with depth for both")
    paper = with_title(figure, width=20)
    assert paper.layout.title.text == "Error grows with<br>depth for both"
    assert paper.layout.height > figure.layout.height
    assert figure.layout.title.text is None
    assert title_of(go.Figure()) == ""


def test_toolbar_saves_a_vector_image() -> None:
    button = plot_config("error over depth: 8:16")["toImageButtonOptions"]
    assert button == {"format": "svg", "filename": "error-over-depth-8-16"}


def test_empty_says_why() -> None:
    assert empty("Nothing here.").layout.annotations[0].text == "Nothing here."
