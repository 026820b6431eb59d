"""Sentences, numbers and marked texts, against what was worked out by hand."""

from collections.abc import Callable
from math import sqrt
from statistics import mean, stdev
from typing import Any

import pytest

from nmviz.core.results import Continuation, Measurement, Result, Token
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.views.explore.continuations import FIRST, LATER, first_difference, mark_differences
from nmviz.views.explore.depth_sentence import depth_sentence, trend_of
from nmviz.views.explore.sentences import headline, tie_note, training_of
from nmviz.views.shared.numbers import (
    column,
    interval,
    perplexity,
    share,
    show,
    significant,
    with_error,
)

Make = Callable[..., Any]


def cost(value: float, stderr: float | None = 0.03, n: int | None = 32) -> Measurement:
    return Measurement(metric="delta_nll", value=value, stderr=stderr, n=n)


@pytest.fixture
def said(make_result: Make) -> Callable[..., str]:
    """The headline of two costs."""

    def say(activation: Measurement | None, weight: Measurement | None, **given: Any) -> str:
        results: dict[Any, Result] = {}
        if activation is not None:
            results["activation"] = make_result("activation", measured=(activation,), **given)
        if weight is not None:
            results["weight"] = make_result("weight", measured=(weight,))
        return headline(results)

    return say


def test_headline_names_costs_and_the_better_side(said: Make) -> None:
    assert said(cost(0.82), cost(3.14, 0.1)) == (
        "At 8:16, pruning activations costs 0.82 ± 0.03 nats a token, pruning weights 3.14 ± 0.10."
        " Activations keep more of the model, by 2.32 ± 0.10."
    )
    assert said(cost(3.14), cost(0.82)).endswith("Weights keep more of the model, by 2.32 ± 0.04.")


def test_headline_leaves_noise_undecided(said: Make) -> None:
    assert said(cost(0.82), cost(0.90)).endswith(
        "The difference between the two, 0.08 ± 0.04, is within the noise."
    )
    assert said(cost(0.82, None), cost(0.90)).endswith(
        "Without an interval for both, the difference may be noise."
    )


def test_headline_of_two_runs_in_pairs(make_result: Make) -> None:
    """Both cost 1 or 3 by turns, one of them a little more each time: only pairs show that."""
    pieces = {"activation": (1.0, 3.0) * 8, "weight": (1.05, 3.07) * 8}
    apart: dict[Any, Result] = {}
    for target, costs in pieces.items():
        error = stdev(costs) / sqrt(len(costs))
        apart[target] = make_result(target, measured=(cost(mean(costs), error, len(costs)),))
    assert headline(apart).endswith("between the two, 0.1 ± 0.4, is within the noise.")
    paired = {
        target: run.model_copy(update={"unit_costs": pieces[target]})
        for target, run in apart.items()
    }
    assert headline(paired).endswith("Activations keep more of the model, by 0.060 ± 0.003.")


def test_headline_of_a_difference_that_rounding_alone_makes(make_result: Make) -> None:
    floor = NoiseFloor(of="pruned", kl=0.3, delta_nll=0.25, draws=3)
    runs: dict[Any, Result] = {
        target: make_result(target, measured=(cost(value, 0.01),))
        for target, value in (("activation", 0.8), ("weight", 1.0))
    }
    assert headline(runs).endswith("Activations keep more of the model, by 0.200 ± 0.014.")
    runs["weight"] = runs["weight"].model_copy(update={"noise_floors": (floor,)})
    said = "The difference between the two, 0.200 ± 0.014, is below what rounding does, 0.25."
    assert headline(runs).endswith(said)


def test_headline_of_no_cost_and_of_a_gain(said: Make) -> None:
    assert said(cost(0.01), cost(1.0)).startswith(
        "At 8:16, pruning activations costs nothing that stands out of the noise"
        " (0.01 ± 0.03 nats a token), pruning weights costs 1.00 ± 0.03."
    )
    assert "pruning activations gains 0.50 ± 0.03 nats a token" in said(cost(-0.5), cost(1.0))


def test_headline_of_a_number_that_is_none(said: Make) -> None:
    assert said(cost(0.5), cost(float("nan"))) == (
        "At 8:16, pruning activations costs 0.50 ± 0.03 nats a token,"
        " pruning weights has a cost that is not a number."
    )


def test_headline_with_one_side_missing_or_partial(said: Make) -> None:
    assert said(cost(0.82), None) == (
        "At 8:16, pruning activations costs 0.82 ± 0.03 nats a token."
        " Pruned weights are not measured yet."
    )
    assert said(None, None) == "Nothing is measured here yet."
    assert said(cost(0.82), cost(3.1), partial=True).endswith(
        "Partial for activations: measured on part of the text so far."
    )


def test_headline_of_two_patterns_and_of_dense(said: Make) -> None:
    assert said(cost(0.82), cost(3.1), pattern="2:4").startswith(
        "Pruning activations at 2:4 costs 0.82 ± 0.03 nats a token,"
        " pruning weights at 8:16 costs 3.10"
    )
    assert said(cost(0.0), None, pattern="dense") == "Nothing is measured here yet."


def test_headline_from_levels_alone(said: Make) -> None:
    level = Measurement(metric="perplexity", value=46.3)
    assert said(level, level.model_copy(update={"value": 512.3, "printed": "512.30"})) == (
        "Perplexity is 46.3 with activations pruned at 8:16, 512.30 with weights pruned at 8:16."
        " No interval is known."
    )


def test_tie_note_from_one_percent_on(make_result: Make) -> None:
    def note(value: float, *more: Measurement) -> str | None:
        ties = Measurement(metric="tie_share", value=value)
        return tie_note(make_result("weight", measured=(ties, *more)))

    assert note(0.01) is None
    assert (
        note(0.47) == "A tie decided 47% of the groups, for the lower index: "
        "other tie-breaks would give other numbers."
    )
    assert note(
        0.47,
        Measurement(metric="perplexity_ties_low", value=2110.4, n=5),
        Measurement(metric="perplexity_ties_high", value=4800, n=5),
    ) == (
        "A tie decided 47% of the groups, for the lower index: at random, ties give a perplexity "
        "of 2,110 to 4,800 (5 tried)."
    )
    assert tie_note(make_result("weight")) is None


def test_interval_is_students() -> None:
    low, high = interval(cost(1.0, 0.1, 4)) or (0, 0)
    assert (low, high) == pytest.approx((1 - 0.31824463, 1 + 0.31824463))  # t(3) = 3.1824463
    low, high = interval(cost(1.0, 0.1, 2), level=0.9) or (0, 0)
    assert high == pytest.approx(1 + 0.63137515)  # t(1) = 6.3137515
    assert interval(cost(1.0, None)) is None
    assert interval(cost(1.0, 0.1, 1)) is None
    assert interval(cost(float("inf"), 0.1)) is None


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.5712, 0.031, "0.57 ± 0.03"),
        (0.5712, 0.0149, "0.571 ± 0.015"),
        (0.5712, 0.0997, "0.57 ± 0.10"),
        (98.23, 2.4, "98 ± 2"),
        (2511.6, 240, "2,512 ± 240"),
        (-0.004, 0.03, "0.00 ± 0.03"),
        (-0.5, 0.03, "−0.50 ± 0.03"),
        (0.5, None, "0.50"),
        (0.5, 0.0, "0.50"),
        (float("nan"), 0.1, "not a number"),
        (float("inf"), None, "beyond all bounds"),
    ],
)
def test_error_decides_the_digits(value: float, error: float | None, text: str) -> None:
    assert with_error(value, error) == text


def test_show_by_metric() -> None:
    assert show(cost(0.5712)) == "+0.57 ± 0.03 nats a token"
    assert show(cost(-0.5712)) == "−0.57 ± 0.03 nats a token"
    assert show(cost(0.001)) == "0.00 ± 0.03 nats a token"
    assert show(Measurement(metric="kl", value=0.5)) == "0.50 nats a token"
    assert show(Measurement(metric="top1_agreement", value=0.621, stderr=0.008)) == "62.1% ± 0.8%"
    assert show(Measurement(metric="perplexity", value=33.66)) == "33.7"
    assert show(Measurement(metric="perplexity", value=33.66, printed="33.660")) == "33.660"
    assert show(Measurement(metric="elsewhere", value=3.14159)) == "3.1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8.414, "8.41"),
        (9.996, "10.0"),
        (33.66, "33.7"),
        (99.96, "100"),
        (512.4, "512"),
        (2511.6, "2,512"),
        (1.234e9, "1.2 × 10^9"),
        (float("inf"), "beyond all bounds"),
    ],
)
def test_perplexities(value: float, text: str) -> None:
    assert perplexity(value) == text


def test_shares_and_significant_digits() -> None:
    assert [share(x) for x in (0.0, 0.047, 0.5, 0.951, 1.0)] == [
        "0%",
        "4.7%",
        "50%",
        "95.1%",
        "100%",
    ]
    assert [significant(x) for x in (0.0, 0.0523, 0.0996, 4.12, 78.4, 2512.0, -0.31)] == [
        "0",
        "0.052",
        "0.10",
        "4.1",
        "78",
        "2,512",
        "−0.31",
    ]


def line(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


def test_trends() -> None:
    assert trend_of(line(0.1, 0.2, 0.3, 0.4)) == "grows with depth"
    assert trend_of(line(0.4, 0.3, 0.2, 0.1)) == "shrinks with depth"
    assert trend_of(line(0.3, 0.31, 0.3, 0.31)) == "stays level"
    assert trend_of(line(0.1, 0.9, 0.1, 0.5, 0.1, 0.1)) == "peaks in block 1"
    assert trend_of(line(0.5, 0.1, 0.9, 0.9, 0.1, 0.5)) == "has no clear peak"
    flat = line(0.2, 0.28, 0.27, 0.2995, 0.27, 0.26, 0.303, 0.25, 0.27)
    assert trend_of(flat) == "stays about level"
    assert trend_of(line(0.0, 0.0, 0.0, 0.0)) == "stays level"
    assert trend_of(line(0.1, 0.2, 0.3)) is None


def test_depth_sentences() -> None:
    up, double = line(0.1, 0.2, 0.3, 0.4), line(0.41, 0.5, 0.6, 0.7)
    level = line(0.1, 0.1, 0.1, 0.1)
    assert depth_sentence({"weight": double, "activation": up}, "Error") == (
        "Error grows with depth for both; weights start 4.1 times as high"
    )
    assert depth_sentence({"weight": level, "activation": up}, "Drift") == (
        "Drift stays level for weights and grows with depth for activations; both start alike"
    )
    early, late = line(0.1, 0.9, 0.1, 0.1), line(0.1, 0.1, 0.9, 0.1)
    assert depth_sentence({"weight": early, "activation": late}, "Error") == (
        "Error peaks in block 1 for weights and in block 2 for activations; both start alike"
    )
    assert depth_sentence({"activation": up}, "Error") == (
        "Error grows with depth for activations, starting at 0.10 in block 0"
    )
    assert depth_sentence({"weight": {7: 0.3}}, "Error") == (
        "Error for weights starts at 0.30 in block 7"
    )
    assert depth_sentence({"weight": {7: 0.0}, "activation": {7: 0.3}}, "Error of q") == (
        "Error of q: activations start at 0.30, weights at 0"
    )
    assert depth_sentence({"weight": {0: 0.1}, "activation": {7: 0.3}}, "Error") == (
        "Error: weights and activations are pruned in different blocks"
    )


def text(column: Any, words: str, finished: bool = True) -> Continuation:
    """One token a letter."""
    tokens = tuple(Token(ord(letter), letter, 0.5) for letter in words)
    return Continuation(column, tokens, finished)


def test_first_difference_and_what_differs_later_are_marked() -> None:
    marks = mark_differences([text("dense", "abcdef"), text("weight", "abXdYf")])
    assert marks["dense"] == [("abcdef", None)]
    assert marks["weight"] == [("ab", None), ("X", FIRST), ("d", None), ("Y", LATER), ("f", None)]


def test_an_inserted_word_shifts_nothing_else() -> None:
    marks = mark_differences([text("dense", "abcd"), text("activation", "aXbcd")])
    assert marks["activation"] == [("a", None), ("X", FIRST), ("bcd", None)]


def test_equal_and_shorter_texts_have_no_marks() -> None:
    marks = mark_differences([text("dense", "abc"), text("weight", "abc"), text("activation", "a")])
    assert marks["weight"] == [("abc", None)]
    assert marks["activation"] == [("a", None)]


def test_words_beyond_the_dense_text_differ_once_it_is_finished() -> None:
    assert first_difference(text("weight", "abc"), text("dense", "ab", finished=False)) is None
    assert first_difference(text("weight", "abc"), text("dense", "ab")) == 2


def test_spans_join_to_the_text_and_no_dense_text_means_no_marks() -> None:
    given = [text("dense", "the cat sat"), text("weight", "the dog sits on")]
    assert "".join(span for span, _ in mark_differences(given)["weight"]) == "the dog sits on"
    assert mark_differences(given[1:]) == {"weight": [("the dog sits on", None)]}
    assert mark_differences([]) == {}
    assert mark_differences([text("dense", "")]) == {"dense": []}


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (0.2, 0.1, "Training lowered the error of the blocks on held-out text: 0.20 before, 0.10"),
        (0.2, 0.2, "Training did not lower the error of the blocks on held-out text: 0.20 before"),
        (0.2004, 0.2001, "0.2004 before, 0.2001 after"),
        (0.1, 0.2, "did not lower"),
    ],
)
def test_training_is_told_by_the_held_out_error(
    make_result: Make, before: float, after: float, says: str
) -> None:
    measured = tuple(
        Measurement(metric=f"heldout_loss_{when}", value=value)
        for when, value in (("before", before), ("after", after))
    )
    assert says in (training_of(make_result("activation", measured=measured)) or "")
    assert training_of(make_result("activation", measured=measured[:1])) is None


def test_numbers_of_a_column_have_the_decimals_of_the_least_error() -> None:
    """0.022 asks for two decimals, 0.13 for two as it starts with 1, 0.0019 for four: three at
    most; without any error three."""
    assert column([(1.0, 0.022), (14.8, None)]) == [("1.00", "0.02"), ("14.80", "–")]
    assert column([(1.0, 0.022), (17.153, 0.13)])[1] == ("17.15", "0.13")
    assert column([(1.0, 0.0019)]) == [("1.000", "0.002")]
    assert column([(-2.5, None)]) == [("−2.500", "–")]
    assert column([(float("nan"), 1.0)], most=0) == [("not a number", "1")]
    assert column([]) == []
