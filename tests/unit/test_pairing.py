"""Pairs: numbers worked out by hand."""

from math import sqrt
from statistics import mean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import (
    Pairs,
    cost_difference,
    count,
    covariance,
    mcnemar,
    mean_error,
    paired,
    smallest_difference,
)
from nmviz.core.reading import Artefacts
from nmviz.core.results import Measurement, Provenance, Result, TaskExamples


def test_ten_examples_by_hand() -> None:
    # right only in the first: 1; only in the second: 3; differences 1, -1, -1, -1 and six zeros
    pairs = count("1000011111", "0111011111")
    assert pairs == Pairs(10, 1, 3)
    assert pairs.difference == pytest.approx(-0.2)
    # squares about the mean: 4 - 10 * 0.04 = 3.6; over 9, over 10, root
    assert pairs.stderr == pytest.approx(sqrt(3.6 / 9 / 10))
    # two-sided: 2 * (C(4,0) + C(4,1)) / 16 = 10/16
    assert pairs.p_value == pytest.approx(0.625)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [(0, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (1, 8, 20 / 512), (3, 3, 1.0)],
)
def test_mcnemar_by_hand(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p)


def test_the_smallest_difference_that_could_be_shown() -> None:
    assert smallest_difference(100) == pytest.approx(0.06)  # six, all one way
    assert smallest_difference(5) is None
    assert smallest_difference(100, discordant=5) is None
    assert smallest_difference(100, discordant=9) == pytest.approx(0.07)  # 8 against 1
    assert smallest_difference(100, discordant=0) is None


@given(st.lists(st.tuples(st.sampled_from("01"), st.sampled_from("01")), min_size=2, max_size=60))
def test_pairs_agree_with_the_plain_formulas(both: list[tuple[str, str]]) -> None:
    pairs = count("".join(a for a, _ in both), "".join(b for _, b in both))
    differences = [int(a) - int(b) for a, b in both]
    mean = sum(differences) / len(both)
    spread = sum((d - mean) ** 2 for d in differences) / (len(both) - 1)
    assert pairs.difference == pytest.approx(mean)
    assert pairs.stderr == pytest.approx(sqrt(spread / len(both)), abs=1e-9)
    assert 0 < pairs.p_value <= 1


def test_one_example_has_no_error_and_none_no_pairs() -> None:
    assert count("1", "0").stderr is None
    with pytest.raises(ValueError, match="no examples"):
        count("", "")
    with pytest.raises(ValueError, match="longer than"):
        count("1", "10")


def make(right: str, digest: str = "a" * 64, task: str = "piqa") -> Result:
    return Result(
        experiment=Experiment(tasks=(task,)),
        measurements=(),
        examples=(TaskExamples(task=task, metric="acc", right=right, digest=digest),),
        provenance=Provenance(source="nmviz"),
    )


def test_results_are_compared_task_by_task() -> None:
    difference, p = paired(make("0001"), make("1101"))
    assert (difference.metric, difference.task, difference.n) == ("acc_difference", "piqa", 4)
    assert difference.value == -0.5
    assert (p.metric, p.value, p.n) == ("acc_p", 0.5, 2)
    assert paired(make("01"), make("01", task="rte")) == ()


def test_other_examples_are_never_paired() -> None:
    with pytest.raises(UserError, match="other examples or prompts of piqa"):
        paired(make("01"), make("01", digest="b" * 64))


def test_the_error_of_a_mean_over_tasks() -> None:
    known = [Measurement(metric="acc", value=0.5, stderr=error) for error in (0.03, 0.04)]
    assert mean_error(known) == pytest.approx(0.025)
    assert mean_error([*known, Measurement(metric="acc", value=0.5)]) is None
    assert mean_error([]) is None


def ran(costs: tuple[float, ...], kept: bool = True, **fields: object) -> Result:
    """A run whose pieces of text cost that."""
    n, value = len(costs), mean(costs)
    told = Measurement(
        metric="delta_nll", value=value, stderr=stdev(costs) / sqrt(n), n=n, unit_of_n="windows"
    )
    return Result(
        experiment=Experiment(**fields),
        measurements=(told,),
        unit_costs=costs if kept else (),
        provenance=Provenance(source="nmviz"),
    )


def test_two_runs_of_a_text_are_compared_piece_by_piece() -> None:
    # pieces differ by 1, 2, 3, 2: mean 2, squares about it 2, over 3 and 4 and rooted
    one, other = ran((2.0, 5.0, 9.0, 4.0)), ran((1.0, 3.0, 6.0, 2.0), criterion="wina")
    found = cost_difference(one, other)
    assert found is not None
    assert (found.metric, found.n, found.unit_of_n) == ("cost_difference", 4, "windows")
    assert found.value == pytest.approx(2.0)
    assert found.stderr == pytest.approx(sqrt(2 / 3 / 4))
    same = cost_difference(one, one)
    assert same is not None and (same.value, same.stderr) == (0.0, pytest.approx(0.0))


def test_what_calibrates_a_run_is_not_the_text_it_is_measured_on() -> None:
    calibrated = ran((1.0, 3.0, 6.0, 2.0), criterion="gradient", calibration_windows=8, seed=3)
    assert covariance(ran((2.0, 5.0, 9.0, 4.0)), calibrated) is not None


COSTS = st.lists(st.tuples(*[st.floats(-9, 9)] * 2), min_size=2, max_size=40)


@given(COSTS)
def test_the_error_of_a_difference_is_that_of_the_pieces_differences(
    both: list[tuple[float, float]],
) -> None:
    one, other = (ran(tuple(side)) for side in zip(*both, strict=True))
    found = cost_difference(one, other)
    plain = stdev([a - b for a, b in both]) / sqrt(len(both))
    assert found is not None and found.stderr == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize(
    "other",
    [
        ran((1.0, 3.0, 6.0, 2.0), kept=False),
        ran((1.0, 3.0, 6.0)),
        ran((1.0, 3.0, 6.0, 2.0), corpus="wikitext-2"),
        ran((1.0, 3.0, 6.0, 2.0), window=256),
        ran((1.0, 3.0, 6.0, 2.0), model="gemma-3-270m"),
        ran((1.0, 3.0, 6.0, 2.0), artefacts=Artefacts(corpus="a" * 64)),
    ],
)
def test_runs_of_other_texts_or_without_pieces_are_taken_as_independent(other: Result) -> None:
    one = ran((2.0, 5.0, 9.0, 4.0))
    assert covariance(one, other) is None
    found = cost_difference(one, other)
    errors = [cost.stderr for run in (one, other) if (cost := run.get("delta_nll"))]
    assert found is not None and found.n == min(4, len(other.unit_costs) or 4)
    assert found.stderr == pytest.approx(sqrt(sum((error or 0) ** 2 for error in errors)))


def test_without_a_cost_there_is_no_difference_and_without_an_error_none_either() -> None:
    bare = ran((1.0, 2.0)).model_copy(update={"measurements": (), "unit_costs": ()})
    assert cost_difference(bare, ran((1.0, 2.0))) is None
    told = (Measurement(metric="delta_nll", value=1.0),)
    found = cost_difference(bare.model_copy(update={"measurements": told}), ran((1.0, 2.0)))
    assert found is not None and (found.value, found.stderr) == (-0.5, None)
