"""Rules on made evidence: each verdict can be reached, and too wide decides nothing."""

from collections.abc import Sequence
from math import inf, sqrt
from statistics import mean, stdev

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nmviz.claims import CLAIMS, Evidence, Half, depth
from nmviz.claims.shared import own_runs
from nmviz.claims.shared.drops import difference, ratio, row
from nmviz.claims.shared.estimate import (
    Estimate,
    above,
    every,
    fieller,
    for_many,
    normal,
    of_sample,
    student,
    verdict_of,
    within,
)
from nmviz.claims.shared.phrases import with_interval
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Printed, Provenance, Result
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.hardware.facts import shipped
from nmviz.published import FOUR_TASKS, LARGE_MODELS, read_names
from nmviz.published.audit import Finding
from nmviz.published.baselines import Baseline
from nmviz.published.cells import cell
from nmviz.published.speed import Speed
from nmviz.store.database import results_folder

FOLDER = results_folder()
assert FOLDER is not None
NAMES = read_names(FOLDER / "published")
PRINTED = {
    "llama2-7b": "Llama2-7B",
    "llama3.1-8b": "Llama3.1-8B",
    "qwen2.5-7b": "Qwen2.5-7B",
    "gemma3-4b": "Gemma3-4B",
}
MANY, FEW = 1_000_000, 20


def published(
    place: str, model: str, pattern: str, method: str, accuracy: float, n: int = MANY
) -> Result:
    """A row whose four accuracies are the same."""
    name = PRINTED[model]
    return Result(
        experiment=NAMES.experiment(name, pattern, method),
        measurements=tuple(
            Measurement(metric="acc", task=task, value=accuracy, n=n, printed=f"{accuracy:.4f}")
            for task in FOUR_TASKS
        ),
        provenance=Provenance(
            source="arxiv-2509.22166v1",
            printed=Printed(place=place, model=name, pattern=pattern, method=method),
        ),
    )


def table(
    place: str, methods: dict[tuple[str, str], float], n: int = MANY, dense: float = 0.8
) -> list[Result]:
    """Every model with a dense row and these methods at their patterns."""
    rows = []
    for model in LARGE_MODELS:
        rows.append(published(place, model, "dense", "dense", dense, n))
        for (pattern, method), accuracy in methods.items():
            rows.append(published(place, model, pattern, method, accuracy, n))
    return rows


def verdict(name: str, rows: list[Result], **given: object) -> str:
    evidence = Evidence(tuple(rows), NAMES, **given)  # type: ignore[arg-type]
    return CLAIMS.get(name).answer(evidence).verdict


def targets(act: float, weights: float, n: int = MANY) -> str:
    return verdict("targets", table("Table 10", {("2:4", "ACT"): act, ("2:4", "WT"): weights}, n))


def test_weights_against_activations() -> None:
    assert targets(0.75, 0.60) == "holds"
    assert targets(0.60, 0.75) == "does not hold"
    assert targets(0.75, 0.70, n=FEW) == "not decidable here"


def ladder(two: float, wide: float, free: float, n: int = MANY) -> str:
    patterns = {("2:4", "ACT"): two, ("16:32", "ACT"): wide, ("unstructured-0.5", "ACT"): free}
    return verdict("sixteen", table("Table 6", patterns, n))


def test_sixteen_must_be_close_and_three_times_better() -> None:
    assert ladder(0.68, 0.76, 0.764) == "holds"
    assert ladder(0.73, 0.76, 0.764) == "holds partly"  # 1.75 times as much is not about 3
    assert ladder(0.76, 0.68, 0.76) == "does not hold"
    assert ladder(0.70, 0.76, 0.764, n=FEW) == "not decidable here"


def eight(two: float, block: float, n: int = MANY) -> str:
    rows = table("Table 10", {("2:4", "ACT"): two}, n)
    return verdict("eight", rows + table("Table 11", {("8:16", "ACT"): block}, n))


def test_eight_must_be_about_twice_as_good() -> None:
    assert eight(0.72, 0.76) == "holds"
    assert eight(0.72, 0.73) == "does not hold"
    assert eight(0.72, 0.78) == "does not hold"
    assert eight(0.72, 0.76, n=200) == "not decidable here"


def repaired(plain: float, var: float, n: int = MANY) -> str:
    return verdict("repair", table("Table 10", {("2:4", "ACT"): plain, ("2:4", "VAR"): var}, n))


def test_mitigations_must_win_back_more_than_the_noise() -> None:
    assert repaired(0.70, 0.74) == "holds"
    assert repaired(0.70, 0.66) == "does not hold"
    assert repaired(0.70, 0.72, n=FEW) == "not decidable here"


def criteria(other: float, n: int = MANY) -> str:
    methods = {("2:4", "ACT"): 0.70, ("2:4", "CLACT"): other, ("2:4", "Amber-Pruner"): other}
    return verdict("criteria", table("Table 10", methods, n))


def test_criteria_must_save_what_was_promised() -> None:
    assert criteria(0.74) == "holds"
    assert criteria(0.71) == "does not hold"  # 1.25 points: better, but not by two
    assert criteria(0.74, n=FEW) == "not decidable here"


def test_marked_rows_do_not_decide() -> None:
    rows = table("Table 10", {("2:4", "ACT"): 0.60, ("2:4", "WT"): 0.75})
    better = published("Table 10", "gemma3-4b", "2:4", "ACT", 0.79)
    rows = [one for one in rows if one.experiment != better.experiment] + [better]
    assert verdict("targets", rows) == "holds partly"
    finding = Finding("made", "settings", "a slip", "seen", "proved", "none", ())
    marks = {cell(better, "acc", FOUR_TASKS[0]): (finding,)}
    assert verdict("targets", rows, marks=marks) == "does not hold"
    answer = CLAIMS.get("targets").answer(Evidence(tuple(rows), NAMES, marks))
    assert "1 of 4 comparisons use rows that the audit marked" in answer.text
    assert "would be another: holds partly" in answer.text
    assert answer.main.findings == ("made",)


def test_a_finding_on_the_printed_drop_alone_does_not_matter() -> None:
    rows = table("Table 10", {("2:4", "ACT"): 0.75, ("2:4", "WT"): 0.60})
    drop = Measurement(metric="average_drop", value=9.9, printed="9.9")
    act = rows[1].model_copy(update={"measurements": (*rows[1].measurements, drop)})
    finding = Finding("made", "drops", "", "", "proved", "", ())
    for place, marked in ((("average_drop",), False), (("acc", "piqa"), True)):
        evidence = Evidence((rows[0], act), NAMES, {cell(act, *place): (finding,)})
        found = row(evidence, "Table 10", "llama2-7b", "2:4", "ACT")
        assert found is not None and bool(found.suspect) == marked
        assert found.findings == (finding,)


def share(half: float, most: float, n: int = MANY) -> str:
    patterns = {("unstructured-0.5", "ACT"): half, ("unstructured-0.7", "ACT"): most}
    return verdict("share", table("Table 9", patterns, n))


def test_half_may_go_and_seventy_percent_may_not() -> None:
    assert share(0.77, 0.60) == "holds"
    assert share(0.60, 0.50) == "does not hold"
    assert share(0.77, 0.76) == "does not hold"
    assert share(0.73, 0.70, n=FEW) == "not decidable here"


def generation(followed: float, n: int = MANY) -> str:
    rows = table("Table 10", {("2:4", "VAR"): 0.76}, n)
    for method, pattern, value in (("dense", "dense", 0.5), ("VAR", "2:4", followed)):
        one = published("Table 3", "llama3.1-8b", pattern, method, 0.5)
        strict = Measurement(
            metric="prompt_strict", task="ifeval", value=value, n=n, printed=f"{value:.4f}"
        )
        rows.append(one.model_copy(update={"measurements": (strict,)}))
    return verdict("generation", rows)


def test_writing_must_lose_more_above_guessing_too() -> None:
    assert generation(0.25) == "holds"
    assert generation(0.49) == "does not hold"
    assert generation(0.45) == "does not hold"  # 10% against 5%, but 12% above guessing
    assert generation(0.44, n=2000) == "not decidable here"  # 12% against 12%
    assert generation(0.25, n=FEW) == "not decidable here"


def timed(*speeds: float) -> str:
    rows = [
        Speed(
            kind="activations N:M",
            pattern="2:4",
            what="one layer, CUTLASS",
            size="1024 tokens",
            way="measured",
            low=speed,
            high=speed,
            repeat=str(number),
            device="",
            derived="",
            citation="Authors' notebook",
            url="",
        )
        for number, speed in enumerate(speeds)
    ]
    return verdict("speed", [], speeds=tuple(rows))


def test_the_whole_range_of_times_decides() -> None:
    assert timed(1.1, 1.2) == "holds"
    assert timed(0.8, 0.9) == "does not hold"
    assert timed(0.9, 1.2) == "not decidable here"


# Claims of other papers


def smaller(accuracy: str, model: str = "gemma-3-1b") -> Baseline:
    """A dense model that is right so often in every task, where Gemma 3 4B is in 0.8 of all."""
    return Baseline(
        model="gemma3-4b",
        kind="smaller dense",
        title="smaller",
        smaller=model,
        bits=16,
        accuracies=dict.fromkeys(FOUR_TASKS, accuracy),
        dense=dict.fromkeys(FOUR_TASKS, "0.8000"),
        protocol="made",
        citation="made",
        place="here",
        url="https://example.org",
    )


def beside(pruned: float, *baselines: Baseline) -> Half:
    rows = [
        published("Table 11", "gemma3-4b", "dense", "dense", 0.8),
        published("Table 11", "gemma3-4b", "8:16", "WT", pruned),
    ]
    return CLAIMS.get("memory").answer(Evidence(tuple(rows), NAMES, baselines=baselines)).main


def test_a_pruned_model_must_beat_the_best_smaller_one_that_needs_no_more_memory() -> None:
    """At 8:16 Gemma 3 4B takes 69% of its memory: Gemma 3 1B takes less, Llama 2 7B more. What is
    right in a few thousand examples leaves 2 points of drop to either side."""
    assert beside(0.75, smaller("0.7000")).verdict == "holds"
    assert beside(0.65, smaller("0.7000")).verdict == "does not hold"
    assert beside(0.70, smaller("0.7000")).verdict == "not decidable here"
    assert beside(0.70, smaller("0.6000"), smaller("0.7500", "gemma-3-270m")).verdict == (
        "does not hold"
    )
    larger = beside(0.70, smaller("0.7500", "llama2-7b"))
    assert larger.verdict == "not decidable here"
    assert "No smaller dense model of a family is quoted" in larger.text


def test_as_many_blocks_as_cost_as_much_stand_beside_a_pattern() -> None:
    """SmolLM2 at 2:4, by hand: of 9.665e9 multiply-adds a block for 2,048 tokens 7.248e9 are
    linear, and half of them in 30 blocks are 11.25 blocks. Of weights 56.25% are read of 30 times
    3,538,944 at two bytes; a block has keys and values of 1,572,864 bytes besides."""
    by_products, by_bytes = depth.COSTS.values()
    decoder = shipped()["smollm2-135m"]
    assert depth.nearest(decoder, by_products, "activation", "2:4") == 11
    assert depth.nearest(decoder, by_products, "weight", "8:16") == 11
    block = 2 * 3_538_944 + 2 * 2048 * 192 * 2
    saved = 30 * 2 * 3_538_944 * (1 - 0.5625) / block
    assert depth.nearest(decoder, by_bytes, "weight", "2:4") == round(saved) == 11


def by_depth(masked: float, dropped: float | None) -> Half:
    asked = CLAIMS.get("depth").live.asked("smollm2-135m")
    told = [(one, dropped if one.target == "blocks" else masked) for one in asked]
    runs = tuple(run_of(one, cost) for one, cost in told if cost is not None)
    return CLAIMS.get("depth").answer(Evidence((), NAMES, own=runs)).main


def test_n_to_m_is_ahead_where_leaving_blocks_out_costs_more() -> None:
    assert by_depth(1.0, 2.0).verdict == "holds"
    assert by_depth(2.0, 1.0).verdict == "does not hold"
    assert by_depth(1.0, 1.001).verdict == "not decidable here"
    half = by_depth(1.0, None)
    assert half.verdict == "not decidable here" and half.figure is None
    assert "4 of the 7 runs that the rule asks for are there" in half.text
    assert "9 blocks left out, by cost" in half.text


# Live halves of which some runs are not there yet


def run_of(
    experiment: Experiment, cost: float, error: float = 0.01, floors: tuple[NoiseFloor, ...] = ()
) -> Result:
    measured = Measurement(metric="delta_nll", value=cost, stderr=error, n=32, unit_of_n="windows")
    return Result(
        experiment=experiment,
        measurements=(measured,),
        noise_floors=floors,
        provenance=Provenance(source="nmviz"),
    )


def live(
    name: str,
    costs: Sequence[float | None],
    error: float = 0.01,
    floors: tuple[NoiseFloor, ...] = (),
) -> Half:
    """The live half of a claim from the costs of its runs, in the order it asks for them."""
    asked = CLAIMS.get(name).live.asked("smollm2-135m")
    runs = [
        run_of(one, cost, error, floors)
        for one, cost in zip(asked, costs, strict=True)
        if cost is not None
    ]
    found = CLAIMS.get(name).answer(Evidence((), NAMES, own=tuple(runs))).live
    assert found is not None
    return found


def test_a_live_half_needs_all_its_runs() -> None:
    assert live("targets", [3, 1, 2, 1, 2, 1]).verdict == "holds"
    some = live("targets", [3, 1, 2, 1, 2, None])
    assert some.verdict == "not decidable here"
    assert "5 of the 6 runs that the rule asks for are there" in some.text
    assert "missing: activations at 50%." in some.text
    some = live("repair", [2, 1, 1, None, None])
    assert some.verdict == "not decidable here"
    assert "3 of the 5 runs that the rule asks for are there; missing: S-PTS and R-Sparse." in (
        some.text
    )
    assert live("criteria", [2, 3, None]).verdict == "not decidable here"


def test_what_no_missing_run_can_change_stands() -> None:
    some = live("targets", [3, 1, 1, 2, None, None])  # of two patterns one holds and one does not
    assert some.verdict == "holds partly"
    assert "missing: weights at 50% and activations at 50%. Nothing they give can change" in (
        some.text
    )
    assert live("targets", [1, 3, 1, 2, None, None]).verdict == "not decidable here"


def test_missing_runs_count_among_the_comparisons() -> None:
    """Each gain has the same interval whether or not the others were run."""

    def gain(costs: Sequence[float | None]) -> Estimate:
        numbers = live("repair", costs, error=0.1).numbers
        return next(one.estimate for one in numbers if one.label == "won back by VAR")

    assert gain([2, 1, None, None, None]) == gain([2, 1, 1, 1, 1])


def test_runs_that_kept_their_pieces_are_compared_in_pairs() -> None:
    """What all pieces of the text have in common does not widen the interval of a difference."""
    pieces = {"2:4": tuple(1.0 + 2 * (i % 2) for i in range(32))}
    pieces["8:16"] = tuple(piece / 2 + 0.01 * (piece > 2) for piece in pieces["2:4"])
    apart, paired = [], []
    for pattern, costs in pieces.items():
        error = stdev(costs) / sqrt(len(costs))
        apart.append(run_of(Experiment(pattern=pattern), mean(costs), error))
        paired.append(apart[-1].model_copy(update={"unit_costs": costs}))
    assert own_runs.dearer(*paired).value == own_runs.dearer(*apart).value
    assert width(own_runs.dearer(*paired)) < 0.5 * width(own_runs.dearer(*apart))
    assert width(own_runs.times_as_dear(*paired)) < 0.1 * width(own_runs.times_as_dear(*apart))
    assert (
        own_runs.derived_number("", own_runs.cost(paired[0]), own_runs.NATS, paired).how
        == own_runs.IN_PAIRS
    )
    assert (
        own_runs.derived_number("", own_runs.cost(paired[0]), own_runs.NATS, apart).how
        == own_runs.APART_RUNS
    )


def test_a_difference_below_the_noise_floor_decides_nothing() -> None:
    """Each cost is known to 0.001, and rounding moves either by more than the tenth between."""
    made = [run_of(Experiment(pattern=p), c, 0.001) for p, c in (("2:4", 1.1), ("8:16", 1.0))]
    floor = NoiseFloor(of="pruned", kl=0.2, delta_nll=0.15, draws=3)
    rough = [run.model_copy(update={"noise_floors": (floor,)}) for run in made]
    assert above(own_runs.dearer(*made)) == "yes"
    for pair in (rough, [made[0], rough[1]]):
        gap = own_runs.dearer(*pair)
        assert above(gap) == "open" and "below the noise floor" in with_interval(gap)
    # The ratio, 1.1: what moves either cost by 0.15 moves it by 0.15 * sqrt(1 + 1.21) = 0.22.
    times = own_runs.times_as_dear(*rough)
    assert times.floor == pytest.approx(0.15 * sqrt(2.21))
    assert (above(times, 1), above(times, 0.8), within(times, 0.9, 2)) == ("open", "yes", "open")
    assert own_runs.times_as_dear(*made).floor == 0
    assert own_runs.remarks(made, "Beside it.") == ("Beside it.", "No noise floor measured.")
    said = own_runs.remarks([*rough, made[0], None])
    assert len(said) == 1 and "by up to 0.150 nats a token" in said[0]
    assert said[0].endswith("No noise floor measured for 1 of the 3 runs.")


def test_live_halves_are_held_against_noise_floors() -> None:
    half = live("targets", [3, 1, 2, 1, 2, 1])
    assert half.verdict == "holds" and half.remarks[-1] == "No noise floor measured."
    floor = NoiseFloor(of="pruned", kl=0.2, delta_nll=1.5, draws=3)
    rough = live("targets", [3, 1, 2, 1, 2, 1], floors=(floor,))
    assert rough.verdict == "holds partly", "2 above 1 is below the floor, 3 above 1 is not"


def width(estimate: Estimate) -> float:
    assert estimate.low is not None and estimate.high is not None
    return estimate.high - estimate.low


# Statistics


def test_signs_and_verdicts() -> None:
    assert [above(Estimate(1, 0.5, 1.5)), above(Estimate(1, -1, 3)), above(Estimate(1))] == [
        "yes",
        "open",
        "open",
    ]
    assert within(Estimate(2, 1.5, 2.5), 1, 3) == "yes"
    assert within(Estimate(2, 0.5, 2.5), 1, 3) == "open"
    assert within(Estimate(9, 8, 10), 1, 3) == "no"
    assert every(["yes", "open"]) == "open"
    assert every(["yes", "no", "open"]) == "no"
    assert verdict_of([]) == "not decidable here"
    assert verdict_of(["no", "open", "open"]) == "not decidable here"
    assert verdict_of(["no", "no", "open"]) == "does not hold"
    assert verdict_of(["yes", "no"]) == "holds partly"
    assert verdict_of(["yes", "yes"], missing=1) == "not decidable here"
    assert verdict_of(["no", "no"], missing=1) == "not decidable here"
    assert verdict_of(["yes", "open"], missing=2) == "holds partly"


def test_a_drop_has_the_binomial_error_of_its_tasks() -> None:
    rows = (
        published("Table 10", "llama2-7b", "dense", "dense", 0.8, n=1001),
        published("Table 10", "llama2-7b", "2:4", "ACT", 0.6, n=1001),
    )
    found = row(Evidence(rows, NAMES), "Table 10", "llama2-7b", "2:4", "ACT")
    assert found is not None
    rounding = 1e-8 / 12
    sparse, dense = 0.6 * 0.4 / 1000 + rounding, 0.8 * 0.2 / 1000 + rounding
    error = 100 * sqrt((sparse / 0.8**2 + dense * 0.6**2 / 0.8**4) / 4)
    assert found.drop.value == pytest.approx(25)
    assert found.drop.high is not None
    assert found.drop.high - 25 == pytest.approx(1.959964 * error)
    assert found.examples == 4004
    # A row against itself differs by nothing, with the errors of both sparse readings alone.
    gap = difference(found, found)
    assert gap.value == 0 and gap.high == pytest.approx(
        1.959964 * 100 * sqrt(2 * sparse / 0.8**2 / 4)
    )
    assert ratio(found, found).value == 1


@given(top=st.floats(1, 50), bottom=st.floats(1, 50), a=st.floats(0.01, 1), b=st.floats(0.01, 1))
def test_fieller_holds_what_is_not_refuted(top: float, bottom: float, a: float, b: float) -> None:
    """The ends are the ratios r at which top - r * bottom is just significantly not 0."""
    found = fieller(top, bottom, (a, b), 0.0)
    assume(found.is_bounded)
    assert found.low is not None and found.high is not None
    assert found.low < top / bottom < found.high
    for end in (found.low, found.high):
        assert (top - end * bottom) ** 2 == pytest.approx(1.959964**2 * (a + end**2 * b), rel=1e-4)


def test_a_ratio_to_what_may_be_nothing_has_no_bound() -> None:
    found = fieller(5, 0.5, (1, 1), 0)
    assert (found.low, found.high) == (-inf, inf)
    assert above(found) == "open"


def test_intervals_of_samples_and_of_many_comparisons() -> None:
    assert of_sample([1.0]) == Estimate(1.0)
    sample = of_sample([1.0, 2.0, 3.0])
    assert sample.high == pytest.approx(2 + 4.302653 / sqrt(3))
    assert student(0, 1, 31).high == pytest.approx(2.042272)
    assert student(0, 1, 31, 4).high == pytest.approx(2.657, abs=0.001)  # t(30) at 1 - 0.05 / 8
    assert normal(0, 1).high == pytest.approx(1.959964)
    assert for_many(normal(0, 1), 48).high == pytest.approx(3.279, abs=0.001)
    assert for_many(Estimate(1.0), 48) == Estimate(1.0)
