"""The live halves with the tiny model: overlap, times, runs; cancelling; what the tab is given."""

from pathlib import Path
from threading import Event
from typing import Any

import pytest

from nmviz import service
from nmviz.base.errors import Cancelled, UserError, check_of
from nmviz.claims import CLAIMS
from nmviz.claims.shared import short_texts
from nmviz.core.experiment import Experiment
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.look.overlap import LONGEST
from nmviz.engine.look.overlap import measure as measure_overlap
from nmviz.engine.measure.timing import REPEATS, measure
from nmviz.service import claims
from nmviz.ui.claims import answers as html_of
from nmviz.ui.claims.tab import CANCELLED, _after, _bits, _run
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.views.shared.theme import title_of

pytestmark = pytest.mark.usefixtures("own_store")


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


def returned(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def overlap(loaded: LoadedModel, **changes: Any) -> Any:
    experiment = Experiment.build(model=loaded.info.id, **changes)
    return returned(measure_overlap(loaded, experiment, short_texts.TEXTS[:4], check_of(Event())))


def test_masks_of_tokens_share_more_than_chance_and_less_than_all(loaded: LoadedModel) -> None:
    found = overlap(loaded, pattern="2:4")
    assert found.chance == 0.5
    assert (len(found.shares["within"]), len(found.shares["across"])) == (4, 2)
    assert found.sites == 21 and found.tokens == 4 * 64
    for share in (*found.shares["within"], *found.shares["across"]):
        assert 0.5 < share < 0.95
    assert set(found.by_projection) == {"q", "k", "v", "o", "gate", "up", "down"}
    # q, k and v see the same input, so they have the same mask.
    assert found.by_projection["q"] == found.by_projection["k"] == found.by_projection["v"]


def test_one_mask_for_all_shares_everything(loaded: LoadedModel) -> None:
    whole = overlap(loaded, pattern="4:4")
    assert set(whole.shares["within"]) == {1.0} and whole.chance == 1.0


def test_chance_is_what_random_masks_share(loaded: LoadedModel) -> None:
    found = overlap(loaded, pattern="2:4", criterion="random")
    assert found.shares["across"][0] == pytest.approx(0.5, abs=0.02)


def test_times_are_taken_in_turns(loaded: LoadedModel) -> None:
    experiment = Experiment.build(model=loaded.info.id, pattern="2:4")
    timing = returned(measure(loaded, experiment, short_texts.TEXTS[0], 96, check_of(Event())))
    assert timing.tokens == 96 and timing.repeats == REPEATS
    assert set(timing.seconds) == {"dense", "activations", "weights"}
    assert all(second > 0 for taken in timing.seconds.values() for second in taken)
    first = timing.seconds["dense"][0] / timing.seconds["activations"][0]
    assert timing.ratios("activations")[0] == first
    stop = Event()
    stop.set()
    with pytest.raises(Cancelled):
        returned(measure(loaded, experiment, short_texts.TEXTS[0], 96, check_of(stop)))


def test_masks_decide_the_last_claim(tiny_model: Path) -> None:
    model = str(tiny_model)
    assert claims.answer("dynamic", model).verdict == "not decidable here"
    *steps, last = claims.run_live("dynamic", model)
    assert last.stage == "done" and steps[0].stage == "loading the model"
    answer = claims.answer("dynamic", model)
    assert answer.verdict in ("holds", "holds partly", "does not hold")
    share = answer.main.numbers[0].estimate
    assert f"{100 * share.value:.1f}%" in answer.text
    assert "by construction" in answer.text
    assert answer.main.figure is not None and len(answer.main.figure().data) == 2
    for number in answer.main.numbers:
        assert number.n == {"texts": 8, "pairs of texts": 4}[number.unit_of_n or ""]
    service.store().close()
    service.store.cache_clear()  # as after a restart
    assert claims.answer("dynamic", model).text == answer.text
    (again,) = claims.run_live("dynamic", model)
    assert again.from_store


def test_several_tokens_need_more_columns_together(
    loaded: LoadedModel,
) -> None:
    """At 2:4 one token needs half, two tokens of random masks 1 - 0.5^2 = 3/4."""
    shares = overlap(loaded, pattern="2:4", criterion="random").together
    assert shares["2 tokens of one text"][0] == pytest.approx(0.75, abs=0.02)
    assert shares["2 texts"][0] == 0.5  # masks at random are the same at the same place
    means = [sum(shares[f"{size} tokens of one text"]) / 4 for size in (2, 4, 8, 16, 32)]
    assert means == sorted(means) and 0.5 < means[0] < means[-1] <= 1.0


def test_the_shipped_overlap_answers_without_a_run() -> None:
    answer = claims.answer("dynamic")
    assert answer.verdict in ("holds", "holds partly") and "On SmolLM2 135M" in answer.text
    (run,) = service.store().find(model=claims.DEFAULT, corpus=short_texts.NAME)
    assert run.experiment.artefacts.corpus == short_texts.SHA256
    assert run.key[:12] in answer.main.numbers[0].place


def test_what_is_measured_is_what_the_experiment_says() -> None:
    assert short_texts.WINDOW == LONGEST
    for (one,) in (short_texts.overlap("m"), short_texts.timing("m")):
        assert one.corpus == short_texts.NAME and one.pattern == "8:16"


def test_times_answer_the_live_half_of_speed_and_foretell_no_run(tiny_model: Path) -> None:
    model = str(tiny_model)
    assert claims.answer("speed", model).live is None
    *_, last = claims.run_live("speed", model)
    assert last.stage == "done"
    live = claims.answer("speed", model).live
    assert live is not None and live.figure is not None and live.figure().data
    assert all(number.n == REPEATS for number in live.numbers)
    (run,) = service.store().find(model=model)
    assert (
        run.provenance.seconds and service.estimate_seconds([Experiment.build(model=model)]) is None
    )
    assert run.provenance.machine["processor"] in live.text
    turns = [run.get("forward_seconds", f"{name}, turn 1") for name in ("dense", "activations")]
    first = turns[0].value / turns[1].value  # type: ignore[union-attr]
    estimate = live.numbers[0].estimate
    assert estimate.low is not None and estimate.low <= first <= (estimate.high or 0)
    assert f"{estimate.value:.2f} times the dense speed" in title_of(live.figure())
    *_, last = claims.run_live("speed", model)  # of this moment, so it is measured again
    assert not last.from_store and len(service.store().find(model=model)) == 2


def test_a_cancelled_half_leaves_nothing(tiny_model: Path) -> None:
    stop = Event()
    stop.set()
    *_, last = claims.run_live("dynamic", str(tiny_model), stop)
    assert last.stage == "cancelled"
    assert claims.answer("dynamic", str(tiny_model)).verdict == "not decidable here"


def test_what_is_stored_is_not_run_again() -> None:
    for claim in CLAIMS.values():
        if claim.live.asked(claims.DEFAULT) and claim.live.special != "timing":
            (only,) = claims.run_live(claim.name)
            assert only.stage == "done" and only.from_store, claim.name


def test_runs_of_another_model_are_measured(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiny import PARAGRAPHS

    text = "\n\n".join(PARAGRAPHS * 20)
    (tmp_path / "wiki.test.raw").write_text(text, encoding="utf-8")
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))
    small = {"corpus": "wikitext-2", "window": 64, "tokens": 256}

    def experiment(
        model: str, pattern: str, _: Any, target: str = "activation", *__: Any, **___: Any
    ) -> Experiment:
        return Experiment.build(model=model, pattern=pattern, target=target, **small)

    monkeypatch.setattr("nmviz.claims.shared.own_runs.experiment", experiment)
    *_, last = claims.run_live("eight", str(tiny_model))
    assert (last.stage, len(last.results)) == ("done", 2)
    live = claims.answer("eight", str(tiny_model)).live
    assert live is not None and "times as much" in live.text
    assert claims.answer("targets", str(tiny_model)).live is None
    (again,) = claims.run_live("eight", str(tiny_model))
    assert again.from_store


def test_claims_without_a_live_half_say_so() -> None:
    for name in ("metadata", "generation"):
        with pytest.raises(UserError):
            list(claims.run_live(name))
    with pytest.raises(UserError, match="claim"):
        claims.answer("nonsense")


# The tab


def test_the_tab_escapes_and_names_everything() -> None:
    answers = claims.answers()
    said = html_of.overview(answers)
    assert said.count("<li>") == len(answers)
    for name, answer in answers.items():
        html = html_of.main_half(name, answer)
        assert answer.verdict in html and "The rule behind the verdict" in html
        assert html_of.badge(answer.verdict) in html
    numbers = html_of.numbers(answers["criteria"].main)
    assert "What the audit says of them" in numbers and "The paper, version 1" in numbers


def test_a_typed_pattern_is_answered_or_refused_in_words() -> None:
    assert "601,080,390" in _bits("16:32")
    assert 'class="error"' in _bits("<b>") and "<b>" not in _bits("<b>")


def test_a_failure_is_one_sentence(tiny_model: Path) -> None:
    (said,) = _run("dynamic", "no such model", "session")
    assert "does not offer" in said


def test_after_a_run_the_answer_is_of_the_chosen_model() -> None:
    *values, overview = _after("dynamic", claims.DEFAULT)
    assert "On SmolLM2 135M" in values[0] and "SmolLM2" in values[-1].value
    assert overview.count("<li>") == len(claims.answers())


def test_a_claim_that_was_overtaken_does_not_run() -> None:
    """Another run of the same visitor was begun while this one waited for its turn."""
    turn = SESSIONS.start("hasty").number
    SESSIONS.start("hasty")
    assert list(_run("dynamic", claims.DEFAULT, "hasty", turn)) == [CANCELLED]
    assert not SESSIONS.running("hasty").is_set()
