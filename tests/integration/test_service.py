"""The service: store first, then live; canonical scope; refusals before anything is loaded."""

from pathlib import Path
from threading import Event

import pytest
from own_text import as_stored

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress, Result
from nmviz.core.running import Running

TEXT = "Bread is made from flour, water, salt and yeast. The dough rests. " * 40


pytestmark = pytest.mark.usefixtures("own_store")


@pytest.fixture
def experiment(tiny_model: Path) -> Experiment:
    return Experiment.build(
        model=str(tiny_model), corpus=service.OWN_TEXT, pattern="2:4", window=64, tokens=256
    )


def last(*experiments: Experiment, **options: object) -> Progress:
    *_, final = service.run(experiments, text=TEXT, how=Running.model_validate(options))
    return final


def test_a_run_is_measured_once_and_then_found(experiment: Experiment) -> None:
    assert service.lookup(experiment, TEXT) is None
    first = last(experiment)
    assert (first.stage, first.from_store) == ("done", False)
    again = last(experiment)
    assert again.from_store
    (measured,) = first.results
    kept = as_stored(measured)  # the text is the user's own
    assert again.results == (kept,)
    assert service.lookup(experiment, TEXT) == kept
    assert service.estimate_seconds([experiment]) is not None


def test_rerun_measures_again_and_no_store_keeps_nothing(experiment: Experiment) -> None:
    last(experiment, keep=False)
    assert service.lookup(experiment, TEXT) is None
    last(experiment)
    assert not last(experiment, rerun=True).from_store


def test_only_what_is_missing_is_measured(experiment: Experiment) -> None:
    weight = experiment.but(target="weight")
    stored = last(experiment).results[0]
    both = last(weight, experiment)
    assert not both.from_store
    assert [r.experiment.target for r in both.results] == ["weight", "activation"]
    assert both.results[1] == as_stored(stored)


def test_a_cancelled_run_is_not_stored(experiment: Experiment) -> None:
    cancel = Event()
    steps = service.run([experiment], text=TEXT, cancel=cancel)
    for step in steps:
        final = step
        if step.part:
            cancel.set()
    assert final.stage == "cancelled"
    assert service.lookup(experiment, TEXT) is None


def test_the_whole_scope_has_one_spelling(experiment: Experiment) -> None:
    spelled = experiment.but(projections="down,up,gate,o,v,k,q", blocks="0-2")
    assert service.resolve(spelled, TEXT) == service.resolve(experiment, TEXT)
    part = service.resolve(experiment.but(projections="down,q"), TEXT)
    assert part.projections == ("q", "down")


def test_the_text_is_part_of_the_key(experiment: Experiment) -> None:
    assert service.resolve(experiment, TEXT).key != service.resolve(experiment, TEXT + "x").key


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"window": 4096, "tokens": 4096}, "longer than the 512 tokens"),
        ({"pattern": "7:48"}, "not a multiple of 48"),
        ({"projections": "qq"}, "no projection 'qq'"),
        ({"blocks": "3"}, "no block 3: its blocks are 0-2"),
        ({"corpus": "wiki-led"}, "did you mean wiki-leads"),
        ({"model": "smolm2-135m"}, "did you mean smollm2-135m"),
    ],
)
def test_what_cannot_work_is_refused_before_loading(
    experiment: Experiment, fields: dict[str, object], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        service.resolve(experiment.but(**fields), TEXT)


def test_an_own_text_must_be_given_and_be_a_text(experiment: Experiment) -> None:
    with pytest.raises(UserError, match="No text was given"):
        service.resolve(experiment)
    with pytest.raises(UserError, match="The text is empty"):
        service.resolve(experiment, "   ")


def test_what_is_measured_is_shown_even_when_it_cannot_be_stored(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(result: object) -> bool:
        raise UserError("The disk is full: make room.")

    monkeypatch.setattr(service.store(), "put", full)
    final = last(experiment)
    assert final.results[0].get("perplexity") is not None
    assert final.note == "The result is not stored: The disk is full: make room."


def test_a_result_that_cannot_be_stored_loses_no_other(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = service.store().put

    def refuse(result: Result) -> bool:
        pattern = result.experiment.pattern
        if pattern != "4:8":
            raise UserError(f"{pattern} is not finite.")
        return put(result)

    monkeypatch.setattr(service.store(), "put", refuse)
    patterns = ("2:4", "4:8", "8:16", "1:2")
    final = last(*(experiment.but(pattern=pattern) for pattern in patterns))
    monkeypatch.undo()
    assert service.lookup(experiment.but(pattern="4:8"), TEXT) == as_stored(final.results[1])
    told = "2:4 is not finite. 8:16 is not finite. 1:2 is not finite."
    assert final.note == f"The result is not stored: {told}"


def test_look_and_generate_answer(experiment: Experiment) -> None:
    seen = service.look(experiment, "The river rises.", 1, "down", rows=4, columns=8)
    assert seen.mask.kept.shape == (4, 8)
    with pytest.raises(UserError, match="no layer 'qq' in block 1"):
        service.look(experiment, "The river rises.", 1, "qq")
    *_, final = service.generate([experiment], "The river", max_new_tokens=3)
    assert final.done


@pytest.mark.parametrize("target", ["weight", "activation"])
def test_a_pattern_that_does_not_fit_the_layer_is_one_sentence(
    experiment: Experiment, target: str
) -> None:
    one = experiment.but(pattern="3:48", target=target, ties="auto")
    for asked in (service.look, service.sweep_layer):
        with pytest.raises(UserError, match="not a multiple of 48; choose another pattern"):
            asked(one, "The river rises.", 1, "down")


def test_the_catalogue_lists_what_there_is() -> None:
    offered = service.catalogue()
    assert offered.models[0].id == "smollm2-135m"
    assert "wiki-leads" in [c.name for c in offered.corpora]
    assert "8:16" in offered.patterns
    assert {m.name for m in offered.criteria["weight"]} >= {"magnitude"}


def test_a_run_that_stopped_early_is_found_by_whoever_asks_no_more(tiny_model: Path) -> None:
    asked = Experiment.build(
        **{"model": str(tiny_model), "pattern": "2:4", "corpus": "text", "window": 64},
        tokens=2560,
    )
    text = "The river rises in spring. Two bridges join the market and the harbour. " * 240
    *_, last = service.run([asked], text=text, how=Running(precision=0.5))
    (stopped,) = last.results
    assert (stopped.experiment.tokens or 0) < 2560
    again = list(service.run([asked], text=text, how=Running(precision=0.5)))
    assert len(again) == 1 and again[0].from_store
    stopped = as_stored(stopped)
    assert again[0].results == (stopped,)
    assert service.lookup(asked, text, 0.5) == stopped
    assert service.lookup(asked, text, 1e-6) is None
    assert service.lookup(asked, text) is None
    assert service.lookup(asked.but(tokens=64), text, 0.5) is None
    assert service.lookup(asked.but(seed=1), text, 0.5) is None
