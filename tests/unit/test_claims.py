"""The claims on the real tables: verdicts, main numbers, and what the audit's marks change."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from nmviz.claims import CLAIMS, VERDICTS, Answer, Evidence, Half
from nmviz.published import read_names, read_results
from nmviz.published.audit import audit, marks
from nmviz.published.baselines import read_baselines
from nmviz.published.speed import read_speeds
from nmviz.published.speeds.implausible import implausible
from nmviz.published.speeds.measured import Measured, read_measured
from nmviz.store.database import results_folder
from nmviz.store.transfer.jsonl import read_jsonl
from nmviz.views.shared.theme import title_of

FOLDER = results_folder()
assert FOLDER is not None
PUBLISHED = FOLDER / "published"


@pytest.fixture(scope="module")
def unmarked() -> Evidence:
    """Everything that ships, before the audit has looked at it."""
    names = read_names(PUBLISHED)
    runs = [run for file in sorted((FOLDER / "runs").glob("*.jsonl")) for run in read_jsonl(file)]
    return Evidence(
        tuple(read_results(PUBLISHED, names)),
        names,
        speeds=read_speeds(PUBLISHED),
        measured=_in_no_doubt(),
        baselines=read_baselines(PUBLISHED),
        own=tuple(run for run in runs if run.experiment.model == "smollm2-135m"),
    )


@pytest.fixture(scope="module")
def marked(unmarked: Evidence) -> Evidence:
    found = audit(unmarked.published, unmarked.names)
    return replace(unmarked, marks=marks(found))


def _in_no_doubt() -> tuple[Measured, ...]:
    rows = read_measured(PUBLISHED)
    doubts = implausible(rows)
    return tuple(one for one in rows if one.key not in doubts)


@pytest.fixture(scope="module")
def before(unmarked: Evidence) -> Mapping[str, Answer]:
    return {claim.name: claim.answer(unmarked) for claim in CLAIMS.values()}


@pytest.fixture(scope="module")
def answers(marked: Evidence) -> Mapping[str, Answer]:
    return {claim.name: claim.answer(marked) for claim in CLAIMS.values()}


def value(half: Half, label: str) -> tuple[float, float | None, float | None]:
    found = [number.estimate for number in half.numbers if number.label == label]
    assert len(found) == 1, label
    return found[0].value, found[0].low, found[0].high


VERDICTS_NOW = {
    "targets": "holds partly",
    "sixteen": "holds partly",
    "eight": "holds partly",
    "repair": "not decidable here",
    "criteria": "does not hold",
    "share": "holds",
    "metadata": "holds partly",
    "generation": "holds partly",
    "speed": "holds partly",
    "dynamic": "holds",
    "memory": "does not hold",
    "depth": "holds",
}


def test_the_papers_claims_come_in_its_order_and_then_those_of_others() -> None:
    assert list(CLAIMS) == list(VERDICTS_NOW)


@pytest.mark.parametrize(("name", "verdict"), VERDICTS_NOW.items())
def test_the_verdict_on_the_real_tables(
    answers: Mapping[str, Answer], name: str, verdict: str
) -> None:
    assert answers[name].verdict == verdict


def test_marks_decide_where_they_matter(before: Mapping[str, Answer]) -> None:
    without = {name: answer.verdict for name, answer in before.items()}
    changed = {name for name in without if without[name] != VERDICTS_NOW[name]}
    assert changed == {"repair", "criteria", "share"}
    assert {without[name] for name in changed} == {"holds partly"}


def test_the_format_of_gpus_and_the_ten_times_are_numbers_with_sources(
    answers: Mapping[str, Answer],
) -> None:
    main = answers["metadata"].main
    told = {number.label: number for number in main.numbers}
    assert told["2:4: bits of the format that GPUs read"].estimate.value == 1.0
    assert "08cac22" in told["2:4: bits of the format that GPUs read"].source
    assert told["four groups of 2:4: patterns"].written == "1,296"
    assert told["8:16 over four groups of 2:4: patterns"].written == "9.93"


def test_activations_lose_less_at_every_block_pattern(before: Mapping[str, Answer]) -> None:
    main = before["targets"].main
    assert "in 14 of 20 comparisons" in main.text
    assert "At N:M they do in all 8." in main.text
    gap, low, high = value(main, "Llama 3.1 8B, 2:4: weights less activations")
    assert (gap, low, high) == pytest.approx((19.14, 17.12, 21.16), abs=0.01)
    # Table 10 prints two decimals: what they give, not the drops it prints beside them.
    assert value(main, "Llama 3.1 8B, WT, 2:4")[0] == pytest.approx(33.29, abs=0.01)
    assert "At 20% no row loses more than 2.60 (0.45 to 4.75)%" in main.text
    assert "at 90% every row loses 87.94 (80.32 to 95.57)% or more of what is above" in main.text
    at_ninety = value(main, "Qwen 2.5 7B, 90%: weights less activations")
    assert at_ninety == pytest.approx((-5.40, -7.72, -3.08), abs=0.01)


def test_sixteen_is_two_to_four_times_better(before: Mapping[str, Answer]) -> None:
    main = before["sixteen"].main
    assert value(main, "2:4 over 16:32") == pytest.approx((2.66, 2.07, 3.73), abs=0.01)
    assert value(main, "16:32 less 50%") == pytest.approx((1.09, -0.66, 2.85), abs=0.01)
    assert "2.7 and 3 in the interval" in main.text
    printed = [n.place for n in main.numbers if n.label == "Llama 3.1 8B, ACT, 16:32"]
    assert printed == ["Table 6, Llama3-8B, 16:32, ACT; printed as 5.40"] or printed == [
        "Table 6, Llama3-8B, 16:32, ACT; printed as 5.4"
    ]


def test_eight_is_twice_as_good_on_one_model_for_certain(before: Mapping[str, Answer]) -> None:
    main = before["eight"].main
    ratio = value(main, "Llama 3.1 8B: 2:4 over 8:16")
    assert ratio == pytest.approx((1.94, 1.60, 2.46), abs=0.01)
    assert "too wide to tell on Llama 2 7B, Qwen 2.5 7B and Gemma 3 4B" in main.text
    assert "better at all cannot be told on Qwen 2.5 7B" in main.text


def test_the_headline_average_is_computed_with_and_without_its_slip(
    answers: Mapping[str, Answer],
) -> None:
    main = answers["repair"].main
    assert value(main, "S-PTS, 2:4: average as printed")[0] == 4.29
    assert value(main, "S-PTS, 2:4: average of Table 10's drops")[0] == 6.05
    assert "4.29% (S-PTS)" in main.text and "6.05%" in main.text and "D-PTS" in main.text
    slip = next(n for n in main.numbers if n.label == "S-PTS, 2:4: average as printed")
    ours = next(n for n in main.numbers if n.label == "S-PTS, 2:4: average of Table 10's drops")
    assert "tables-llama3-1-8b-2-4-s-pts" in slip.findings
    assert "tables-llama3-1-8b-2-4-s-pts" not in ours.findings  # Table 10's rows are not in doubt
    assert "S-PTS (N-200)" in ours.place
    assert any("S-PTS (N-100), 2:4" in number.label for number in main.numbers)
    var = next(n for n in main.numbers if n.label == "VAR, 2:4: average of Table 10's drops")
    assert {"drop-table-10-gemma3-4b-2-4-var", "settings-table-10-qwen2-5-7b"} <= set(var.findings)


def test_no_mitigation_is_shown_to_repair_llama(answers: Mapping[str, Answer]) -> None:
    main = answers["repair"].main
    assert "0 less, 1 more, 25 not to be told" in main.text
    assert "1.26 (−2.00 to 4.53) points (VAR, 2:4)" in main.text
    assert "with them the verdict would be another: holds partly" in main.text


def test_clact_and_amber_do_not_save_two_points(answers: Mapping[str, Answer]) -> None:
    main = answers["criteria"].main
    every = value(main, "CLACT at 2:4: magnitude less criterion, all models")
    assert every == pytest.approx((1.83, 0.75, 2.91), abs=0.01)
    clean = value(main, "Amber-Pruner at 2:4: magnitude less criterion, unmarked models")
    assert clean == pytest.approx((-1.76, -3.22, -0.30), abs=0.01)
    assert "−3.13 (−5.11 to −1.16) by CLACT" in main.text


def test_seventy_percent_is_too_much_but_for_qwen(answers: Mapping[str, Answer]) -> None:
    main = answers["share"].main
    assert value(main, "Llama 3.1 8B, ACT, 70%")[0] == pytest.approx(25.32, abs=0.01)
    assert value(main, "Qwen 2.5 7B, ACT, 70%")[0] == pytest.approx(7.21, abs=0.01)
    assert "on Llama 2 7B, Llama 3.1 8B and Gemma 3 4B. Not so on Qwen 2.5 7B." in main.text
    assert "1 of 4 comparisons use rows that the audit marked" in main.text
    assert "with them the verdict would be another: holds partly" in main.text


def test_what_the_audit_says_to_use_neither_of_does_not_decide(
    answers: Mapping[str, Answer],
) -> None:
    """Qwen's Table 9 is in doubt throughout; of Gemma's only the printed drops are."""
    assert "7 of 20 comparisons use rows that the audit marked" in answers["targets"].text
    named = {n.label: n.findings for n in answers["share"].main.numbers}
    assert named["Qwen 2.5 7B, ACT, 50%"] == ("drop-table-9-qwen2-5-7b",)
    assert named["Gemma 3 4B, ACT, 50%"] == ("drop-table-9-gemma3-4b",)


def test_writing_loses_more_than_choosing(before: Mapping[str, Answer]) -> None:
    main = before["generation"].main
    assert "in 15 of 16 comparisons" in main.text
    assert "Not clear: Llama 3.1 8B, VAR, 8:16." in main.text
    lost = value(main, "Llama 3.1 8B, R-Sparse, 2:4")[0]
    assert lost == pytest.approx(100 * (1 - 0.0869 / 0.4455), abs=0.01)


def test_the_authors_own_times_decide_about_speed(answers: Mapping[str, Answer]) -> None:
    main = answers["speed"].main
    assert "faster in 3, slower in 2 and not to be told in 1 of 6" in main.text
    assert "0.80 to 0.92 (CUTLASS, 16384 tokens)" in main.text
    assert "1.30 to 1.88 times (1 of 3 as their best case)" in main.text
    assert "1.30 to 2.00 times (3 of 5 as their best case)" in main.text
    assert main.figure is not None and "0.43 to 1.25 times" in title_of(main.figure())
    assert len(read_speeds(PUBLISHED)) == 24
    assert "faster in 310 and slower in 32 of 360 (prefill, end to end, median 1.23)" in main.text


def test_eight_of_sixteen_as_a_compromise_is_told_with_what_is_not_certain(
    answers: Mapping[str, Answer],
) -> None:
    """14.35 - 7.38 points for 120 inputs more, 7.38 - 5.39 for 384 more; for bits 0.125 and 0.0625,
    which leave 24 points a bit with an interval of 38 to either side."""
    main = answers["metadata"].main
    saved = value(main, "2:4 less 8:16")[0]
    assert saved == pytest.approx(6.97, abs=0.01)
    of_inputs = value(main, "saved for a multiplexer input: the step to 8:16 less that to 16:32")
    assert of_inputs[0] == pytest.approx(6.972 / 120 - 1.988 / 384, abs=1e-4) and of_inputs[1] > 0
    of_bits = value(main, "saved for a bit an element: the step to 8:16 less that to 16:32")
    assert of_bits == pytest.approx((23.97, -14.06, 62.00), abs=0.01)
    assert "more for a multiplexer input" in main.text
    assert "not certainly more for a bit an element (24.0 (−14.1 to 62.0) points)" in main.text


def test_a_smaller_dense_model_of_less_memory_loses_less_than_pruned_weights(
    answers: Mapping[str, Answer],
) -> None:
    main = answers["memory"].main
    gap = value(main, "Gemma 3 4B, weights 8:16: Gemma 3 1B less pruned")
    assert gap[0] == pytest.approx(10.33 - 26.11, abs=0.01) and (gap[2] or 0) < 0
    assert "at 69% of the memory, where Gemma 3 1B, dense" in main.text and "at 26%" in main.text
    assert "Llama 2 7B −0.01% (−1.96 to 1.94) at 29%" in main.text
    assert "Of Llama 2 7B, Llama 3.1 8B and Qwen 2.5 7B no smaller dense model" in main.text


def test_leaving_blocks_out_costs_more_at_equal_cost(answers: Mapping[str, Answer]) -> None:
    main = answers["depth"].main
    assert "more than N:M at equal cost in 8 of 8 comparisons, less in 0" in main.text
    assert main.figure is not None and "in 8 of 8 comparisons" in title_of(main.figure())


LIVE = {
    "targets": ("holds", "2.62 (2.52 to 2.73) at 2:4"),
    "sixteen": ("holds partly", "2.16 (2.06 to 2.27) times as much as 16:32"),
    "eight": ("holds", "1.82 (1.75 to 1.90) times as much"),
    "repair": ("holds partly", "0.67 (0.62 to 0.72) by R-Sparse"),
    "criteria": ("holds partly", "−0.15 (−0.20 to −0.10) by CLACT"),
    "share": ("holds", "5.10 (4.88 to 5.35) times as much"),
}


@pytest.mark.parametrize("name", LIVE)
def test_the_shipped_runs_answer_the_live_half(answers: Mapping[str, Answer], name: str) -> None:
    verdict, said = LIVE[name]
    live = answers[name].live
    assert live is not None and live.verdict == verdict
    assert said in live.text
    assert all(number.source == "nmviz" for number in live.numbers)
    assert any("Another model" in remark for remark in live.remarks)


def halves(answers: Mapping[str, Answer]) -> list[tuple[str, Half]]:
    found = [(name, answer.main) for name, answer in answers.items()]
    return found + [(name, answer.live) for name, answer in answers.items() if answer.live]


def test_every_number_has_unit_source_and_spread(answers: Mapping[str, Answer]) -> None:
    for name, half in halves(answers):
        assert half.rule and half.text and half.verdict in VERDICTS, name
        for number in half.numbers:
            assert number.unit and number.source and number.how, number
            assert number.estimate.low is not None or number.how.startswith(
                ("none", "exact", "range")
            ), number
            assert number.source == "computed" or number.place, number


def ends_of(half: Half) -> list[float]:
    """The values and ends of every number; shares in percent too, as texts write them."""
    found = []
    for number in half.numbers:
        one = number.estimate
        ends = [abs(end) for end in (one.value, one.low, one.high) if end is not None]
        found += [*ends, *(100 * end for end in ends if number.unit.startswith("share"))]
    return found


def test_the_text_is_made_of_the_numbers(answers: Mapping[str, Answer]) -> None:
    """Every decimal of every text is a number of the answer, one end of its interval, or
    a limit of the rule."""
    for name, half in halves(answers):
        ends = ends_of(half)
        limits = set(re.findall(r"\d+\.\d+", half.rule))
        text = re.sub(r"Llama 3\.1|Qwen 2\.5", "", half.text)
        for told in set(re.findall(r"\d+\.\d+", text)) - limits:
            places = len(told.partition(".")[2])
            assert told in {f"{end:.{places}f}" for end in ends}, (name, told)
    assert len(halves(answers)) == 18


def test_findings_are_named_where_they_are_used(answers: Mapping[str, Answer]) -> None:
    assert answers["criteria"].main.findings
    assert answers["sixteen"].main.findings == ()
    assert not answers["metadata"].main.findings


def test_nothing_in_the_store_is_not_decidable(unmarked: Evidence) -> None:
    empty = Evidence((), unmarked.names)
    for claim in CLAIMS.values():
        answer = claim.answer(empty)
        if claim.name != "metadata":
            assert answer.verdict == "not decidable here", claim.name
        assert answer.live is None
        assert answer.main.text
