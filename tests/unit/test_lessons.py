"""Lessons: every number is the stored one, every sentence follows from the numbers, every word is
explained once, and every link opens what it says."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from math import exp, hypot, sqrt
from pathlib import Path
from random import Random
from typing import Any

import pytest

from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Result
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.lessons import LESSONS, Evidence, Step, by_hand
from nmviz.lessons.glossary import found_in, glossary
from nmviz.lessons.shared import hands, runs
from nmviz.lessons.shared.step import MISSING, PLACES, Bars, Cells, Said
from nmviz.service.lessons import Key, evidence, told

pytestmark = pytest.mark.usefixtures("module_store")

RESULTS = Path(__file__).parents[2] / "results"
EVERY = [(lesson, step) for lesson in LESSONS for step in lesson.steps]
MATHEMATICAL = {"0.69"}
"""ln 2: no result."""


@pytest.fixture(scope="module")
def given(module_store: Path) -> Evidence:
    return evidence()


@pytest.fixture(scope="module")
def said(given: Evidence) -> Mapping[str, Mapping[Key, Said]]:
    """What every step says of every choice, by its title."""
    return {step.title: told(step, given) for _, step in EVERY}


def step_called(title: str) -> Step:
    return next(step for _, step in EVERY if step.title == title)


def chosen(step: Step, key: Key) -> dict[str, str]:
    return {menu.name: value for menu, value in zip(step.menus, key, strict=True)}


@cache
def shipped_runs() -> Mapping[tuple[str, ...], list[dict[str, Any]]]:
    """The runs of the lessons' text as the files have them, by what they are of."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for file in sorted((RESULTS / "runs").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            run = json.loads(line)
            one = run["experiment"]
            if (one.get("corpus"), one.get("tokens"), one.get("tasks")) != (
                "wikitext-2",
                8192,
                None,
            ):
                continue
            if one.get("blocks") or one.get("projections"):
                continue
            names = ("model", "target", "pattern", "criterion")
            key = (*(one[name] for name in names), ",".join(one["mitigations"]))
            found.setdefault(key, []).append(run)
    return found


def number(run: dict[str, Any], metric: str) -> dict[str, Any]:
    return next(one for one in run["measurements"] if one["metric"] == metric)


def costs(*key: str) -> set[str]:
    """What any shipped run of it costs, as a lesson writes it; that none is stored where there is
    none. RIA at P% is over the matrix, as its files say."""
    if key[2].endswith("%") and key[3] == "ria":
        key = (*key[:3], "ria(over=matrix)", *key[4:])
    told = {
        runs.with_error(cost["value"], cost["stderr"])
        for run in shipped_runs().get(key, [])
        for cost in [number(run, "delta_nll")]
    }
    return told or {MISSING}


def test_five_lessons_take_two_to_four_minutes_each() -> None:
    assert len(LESSONS) == 5
    for lesson in LESSONS:
        assert 2 <= lesson.minutes <= 4 and len(lesson.steps) >= 4, lesson.title


def test_every_place_of_every_text_is_filled_for_every_choice(
    said: Mapping[str, Mapping[Key, Said]],
) -> None:
    for _, step in EVERY:
        for key, one in said[step.title].items():
            for text in (step.text, step.question, step.answer, step.look):
                names = {found["word"] for found in PLACES.finditer(text) if found["word"]}
                if step.title != "What pruning costs" or MISSING not in one.words.values():
                    assert names <= one.words.keys(), (step.title, key)
                spelled = step.spelled(text, chosen(step, key), one)
                assert "{" not in spelled and "[" not in spelled, spelled
                assert "nan" not in spelled and "None" not in spelled, spelled


def test_no_measured_number_is_typed_into_a_text() -> None:
    for lesson, step in EVERY:
        for text in (lesson.about, step.text, step.question, step.answer, step.look):
            assert set(re.findall(r"\d+[.,]\d+", text)) <= MATHEMATICAL | {"2,048"}, text


KEYS: Mapping[str, Mapping[str, Callable[[Mapping[str, str]], tuple[str, ...]]]] = {
    "What pruning costs": {
        "cost": lambda c: (c["model"], c["target"], c["pattern"], "magnitude", ""),
    },
    "The same rule for both": {
        "weights": lambda c: (c["model"], "weight", c["pattern"], "magnitude", ""),
        "activations": lambda c: (c["model"], "activation", c["pattern"], "magnitude", ""),
    },
    "A better rule for weights": {
        "weights": lambda c: (c["model"], "weight", c["pattern"], c["criterion"], ""),
        "activations": lambda c: (c["model"], "activation", c["pattern"], "magnitude", ""),
    },
    "When chance chooses": {
        "cost": lambda c: (c["model"], "weight", c["pattern"], "magnitude", ""),
    },
    "Moving the centre": {
        "with": lambda c: ("smollm2-135m", "activation", c["pattern"], "magnitude", c["repair"]),
        "without": lambda c: ("smollm2-135m", "activation", c["pattern"], "magnitude", ""),
    },
    "Giving back the spread": {
        "with": lambda c: (c["model"], "activation", c["pattern"], c["criterion"], "var"),
        "without": lambda c: (c["model"], "activation", c["pattern"], c["criterion"], ""),
    },
    "Learning a repair": {
        "with": lambda c: ("smollm2-135m", "activation", c["pattern"], "magnitude", c["repair"]),
    },
    "Bought with work": {
        "with": lambda c: ("smollm2-135m", "activation", c["pattern"], "magnitude", c["repair"]),
    },
    "Both sides at once": {
        "activations": lambda c: ("smollm2-135m", "activation", c["pattern"], "magnitude", ""),
        "weights": lambda c: ("smollm2-135m", "weight", c["pattern"], "sparsegpt", ""),
    },
    "A number has a width": {
        "cost": lambda c: (c["model"], "activation", c["pattern"], *parts(c["method"])),
    },
    "Two on the same text": {
        "one": lambda c: ("smollm2-135m", "activation", c["pattern"], *parts(c["method"])),
        "other": lambda c: ("smollm2-135m", "activation", c["pattern"], "magnitude", ""),
    },
}
"""By step and place, of which run the cost stands there."""


def parts(method: str) -> tuple[str, str]:
    criterion, _, repair = method.partition("+")
    return criterion, repair


@pytest.mark.parametrize("title", KEYS)
def test_every_cost_is_the_one_of_the_shipped_file(
    title: str, said: Mapping[str, Mapping[Key, Said]]
) -> None:
    step, stored = step_called(title), 0
    for key, one in said[title].items():
        for place, of in KEYS[title].items():
            asked = of(chosen(step, key))
            assert one.words[place] in {*costs(*asked), MISSING}, (title, key, place)
            stored += one.words[place] != MISSING
            if asked[0] == "smollm2-135m":
                assert one.words[place] != MISSING or costs(*asked) == {MISSING}, (title, key)
    assert stored


def test_what_no_file_has_is_said_to_be_missing(given: Evidence) -> None:
    without = replace(given, run=lambda _: None, near=lambda _: None, hands={})
    for _, step in EVERY:
        for key, one in told(step, without).items():
            spelled = step.spelled(step.text, chosen(step, key), one)
            if PLACES.search(re.sub(r"\[\w+\]", "", step.text)) and step.title not in COUNTED:
                assert re.search("not stored|not known|Not known|nothing is|cannot be", spelled), (
                    spelled
                )


COUNTED = {
    *("How many masks there are", "Saying which ones stayed", "What there is to skip"),
    *("Who can skip it", "All of them at once"),
}
"""Steps that are told from shapes alone, or whose list is then empty."""


def test_the_perplexities_are_those_of_the_file(said: Mapping[str, Mapping[Key, Said]]) -> None:
    one = said["What pruning costs"][("smollm2-135m", "activation", "2:4")]
    [run] = shipped_runs()[("smollm2-135m", "activation", "2:4", "magnitude", "")]
    before, after = number(run, "dense_perplexity")["value"], number(run, "perplexity")["value"]
    assert one.words["before"] == f"{before:.1f}" and one.words["after"] == f"{after:,.0f}"
    assert one.words["times"] == f"{exp(number(run, 'delta_nll')['value']):.1f}"


# Sentences follow from the numbers.


def with_costs(given: Evidence, change: Callable[[Result], Result]) -> Evidence:
    def run(asked: Experiment) -> Result | None:
        found = given.run(asked)
        return change(found) if found else None

    return replace(given, run=run)


def set_cost(result: Result, **fields: Any) -> Result:
    told = tuple(
        one.model_copy(update=fields) if one.metric == "delta_nll" else one
        for one in result.measurements
    )
    return result.model_copy(update={"measurements": told, "unit_costs": ()})


SPARSEGPT = ("sparsegpt", "2:4", "smollm2-135m")


def test_which_is_easier_hangs_on_the_pattern_and_the_page_says_so(
    said: Mapping[str, Mapping[Key, Said]],
) -> None:
    """By hand from 1.551 ± 0.033 and 1.574 ± 0.028 at 2:4, in pairs, and 4.862 and 5.700 at 1:4."""
    one = said["A better rule for weights"][SPARSEGPT]
    assert one.words["weights"].startswith("1.551") and one.words["activations"].startswith("1.574")
    assert "within the noise" in one.words["verdict"]
    law = said["No law"][("sparsegpt", "smollm2-135m")].words
    assert "1:4" in law["more"] and "50%" in law["less"]
    assert "2:4" not in law["less"] and "2:4" not in law["more"]
    assert law["law"] == "So which is easier hangs on the pattern."
    same = said["The same rule for both"][("smollm2-135m", "2:4")]
    assert same.words["verdict"].startswith("Activations by magnitude cost less, by 2.6")


def test_a_verdict_turns_with_the_numbers(given: Evidence) -> None:
    step = step_called("A better rule for weights")
    choice = dict(zip(("criterion", "pattern", "model"), SPARSEGPT, strict=True))

    def verdict(change: Callable[[Result], Result]) -> str:
        return step.say(choice, with_costs(given, change)).words["verdict"]

    wide = verdict(lambda run: set_cost(run, stderr=0.2))
    assert "within the noise" in wide and "not told apart" in wide
    dear = verdict(
        lambda run: set_cost(run, value=9.0 if run.experiment.target == "weight" else 1.0)
    )
    assert dear.startswith("Activations by magnitude cost less, by 8.0")
    none = verdict(lambda run: set_cost(run, stderr=None))
    assert "without an interval it may be noise" in none
    floor = (NoiseFloor(of="pruned", kl=0.1, delta_nll=0.5, draws=3),)
    low = verdict(lambda run: run.model_copy(update={"noise_floors": floor}))
    assert "is below the noise floor of 0.50" in low


def test_the_step_on_rounding_says_the_floor_where_there_is_one(given: Evidence) -> None:
    step = step_called("What rounding does")
    choice = {"method": "clact", "pattern": "2:4"}
    bare = with_costs(given, lambda run: run.model_copy(update={"noise_floors": ()}))
    assert "no noise floor is stored" in step.say(choice, bare).words["floor"]
    for floor, ending in ((0.5, "below it, and is none."), (0.001, "above it.")):
        floors = (NoiseFloor(of="pruned", kl=0.1, delta_nll=floor, draws=3),)

        def with_floor(run: Result, floors: Any = floors) -> Result:
            return run.model_copy(update={"noise_floors": floors})

        words = step.say(choice, with_costs(given, with_floor)).words
        assert words["floor"].endswith(ending), words


def test_pairs_have_the_error_of_their_differences(said: Mapping[str, Mapping[Key, Said]]) -> None:
    """Of CLACT and magnitude, both of which kept their sixteen windows: worked out anew."""
    one, other = (
        next(r for r in shipped_runs()[("smollm2-135m", "activation", "2:4", name, "")])
        for name in ("clact", "magnitude")
    )
    apart = [a - b for a, b in zip(one["unit_costs"], other["unit_costs"], strict=True)]
    mean = sum(apart) / len(apart)
    error = sqrt(sum((each - mean) ** 2 for each in apart) / (len(apart) - 1) / len(apart))
    words = said["Two on the same text"][("clact", "2:4")].words
    assert words["apart"] == runs.with_error(mean, error)
    alone = hypot(*(number(run, "delta_nll")["stderr"] for run in (one, other)))
    assert f"would be {alone:.3f}: {alone / error:.1f} times as large" in words["pairs"]
    alone_words = said["Is it a difference?"][("clact", "2:4", "smollm2-135m")].words
    reach = 2.131449545559323 * error  # t(0.975, 15)
    assert alone_words["interval"] == f"between {mean - reach:.3f} and {mean + reach:.3f}"
    assert alone_words["zero"] == "0 lies outside it."


def test_many_comparisons_widen_the_interval(said: Mapping[str, Mapping[Key, Said]]) -> None:
    by_count = said["Many comparisons at once"]
    one, many = (by_count[(count, "amber", "2:4")].words for count in ("1", "70"))
    assert one["chance"] == "0.050" and many["chance"] == "3.5"
    assert one["level"] == "95%" and many["level"] == "99.93%"
    assert one["verdict"] == "So Amber-Pruner costs less."
    assert many["verdict"] == "So the two are not told apart."


def test_repairs_are_told_apart_as_docs_measured_has_them(
    said: Mapping[str, Mapping[Key, Said]],
) -> None:
    words = said["All of them at once"][("smollm2-135m", "2:4")].words
    assert words["less"] == "var, l-pts + var and r-sparse" and words["count"] == "9"
    assert words["open"] == "d-pts, s-pts, l-pts and ls"
    gemma = said["All of them at once"][("gemma-3-270m", "2:4")].words
    assert gemma["less"] == "r-sparse" and "var" in gemma["open"]
    assert "multiplies by further matrices" in gemma["cheap"]
    spent = said["Bought with work"][("r-sparse", "2:4")].words
    assert spent["spends"] == "68%" and spent["plain"] == "50%"
    assert "magnitude alone may drop 31.6%" in spent["equal"]
    dearer = said["Bought with work"][("la-rosa", "2:4")].words
    assert "as the whole dense model takes" in dearer["equal"]


# Sixteen numbers by hand.


def test_by_hand_the_largest_of_every_group_stay() -> None:
    values = [0.1, -0.4, 0.3, 0.2, 0.0, 0.0, 0.0, 0.0, 1.0, -2.0, 3.0, -4.0, 5.0, 6.0, 7.0, 8.0]
    kept = hands.kept_by_size(values, "2:4")
    assert [n for n, stays in enumerate(kept) if stays] == [1, 2, 4, 5, 10, 11, 14, 15]
    assert sum(hands.kept_by_size(values, "1:4")) == 4
    assert [n for n, stays in enumerate(hands.kept_by_size(values, "8:16")) if stays] == [
        *range(8, 16)
    ]


def test_the_best_choice_is_the_best(given: Evidence) -> None:
    hand = given.hands[by_hand.PROMPT]
    best, least = hands.best_choice(hand, 8)
    assert sum(best) == 8 and least == hand.error(8, best)
    draw = Random(0)
    for _ in range(300):
        places = set(draw.sample(range(16), 8))
        assert hand.error(8, [n in places for n in range(16)]) >= least
    assert hands.error_by_size(hand, 8, "8:16") > least


def test_the_steps_by_hand_say_the_errors_of_the_hand(
    given: Evidence, said: Mapping[str, Mapping[Key, Said]]
) -> None:
    hand = given.hands[by_hand.PROMPT]
    for (pattern, word), one in said["Keep N of every M"].items():
        assert hand.words[int(word)].strip() == by_hand.WORD.options[word]
        figure = one.figure
        assert isinstance(figure, Cells) and list(figure.values) == list(hand.inputs[int(word)])
        error = 100 * hand.error(int(word), figure.kept)
        assert one.words["error"] == f"{error:.1f}%", (pattern, word)
    rule = next(r for r in hand.rules if (r.target, r.name) == ("activation", "magnitude"))
    for word in by_hand.WORD.options:
        figure = said["Keep N of every M"][("8:16", word)].figure
        assert isinstance(figure, Cells) and list(figure.kept) == list(rule.kept[int(word)])


def test_a_wider_group_is_praised_only_where_it_loses_less(given: Evidence) -> None:
    assert by_hand._falls([0.3, 0.2, 0.1], "Here").endswith("the less is lost.")
    assert by_hand._falls([0.3, 0.3, 0.1], "Here").endswith("not always better.")
    assert by_hand._falls([0.1, 0.2, 0.3], "Here").endswith("not always better.")


# Hardware.


def test_hardware_is_counted_and_speeds_are_the_printed_ones(
    said: Mapping[str, Mapping[Key, Said]],
) -> None:
    bits = said["Saying which ones stayed"][("2:4",)].words
    assert (bits["places"], bits["code"], bits["kept"]) == ("1", "0.75", "50%")
    assert bits["stored"] == f"{100 * (0.5 + 0.75 / 16):.0f}%"
    ways = said["How many masks there are"][("8:16",)].words
    assert (ways["ways"], ways["small"]) == ("12,870", f"{6**4:,}")
    who = said["Who can skip it"]
    assert who[("h100", "2:4")].words["takes"] == "They take"
    assert who[("h100", "8:16")].words["takes"] == "Nothing there takes"
    assert "which it lacks" in who[("h100", "8:16")].words["bound"]
    assert who[("apple-m2", "2:4")].words["units"] == "no units that skip what is dropped"
    rows = list(csv.DictReader((RESULTS / "published" / "speed-slidesparse.csv").open()))
    for (machine, model, phase), one in said["What was measured"].items():
        same = [
            row["2:4"]
            for row in rows
            if (row["machine"], row["dtype"], row["phase"], row["shape"])
            == (machine, "int8", phase, model)
        ]
        found = re.search(r"([\d.]+) times the dense speed", one.words["answer"])
        assert found is None or found[1] in same, (machine, model, phase)
    assert (
        "1.30 times" in said["What was measured"][("h100", "qwen2.5-7b", "prefill")].words["answer"]
    )


# Words.

ASKED = (
    *("nat", "token", "activation", "weight", "block", "projection", "down", "criterion"),
    *("N:M sparsity", "calibration", "perplexity", "KL divergence", "top-1 agreement", "delta p"),
    *("standard error", "noise floor", "mitigation"),
)


def test_every_word_has_one_plain_definition() -> None:
    words = glossary()
    assert set(ASKED) <= words.keys()
    forms = [form.lower() for word in words.values() for form in word.forms]
    assert len(forms) == len(set(forms))
    for word in words.values():
        assert word.means.endswith(".") and word.means[0].isupper() and len(word.means) < 300, word


def test_the_longest_word_is_found_and_no_part_of_another() -> None:
    found = [word.name for _, word in found_in("A pruned model, s-pts and N:M sparsity; masked.")]
    assert found == ["pruning", "s-pts", "N:M sparsity"]
    assert not list(found_in("write it down"))


def figures(said: Mapping[str, Mapping[Key, Said]]) -> Iterator[Bars]:
    for every in said.values():
        for one in every.values():
            if isinstance(one.figure, Bars):
                yield one.figure


def test_bars_lie_in_their_intervals(said: Mapping[str, Mapping[Key, Said]]) -> None:
    seen = 0
    for figure in figures(said):
        for row in figure.rows:
            if row.low is not None and row.high is not None:
                seen += 1
                assert row.low < row.value < row.high, row
    assert seen > 100


def test_a_measurement_without_a_value_makes_no_bar() -> None:
    assert runs.row("x", None, "weight") == []
    [row] = runs.row("x", Measurement(metric="delta_nll", value=1.0), "weight")
    assert row.low is None and row.written == "1.000"
