"""The hand of sixteen inputs: every number equals what the engine computes."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from threading import Event
from typing import Any

import pytest
import torch
from pruning import nothing

from nmviz.base.errors import UserError
from nmviz.base.stepping import at_once
from nmviz.core.experiment import Experiment
from nmviz.core.lessons.hand import KEPT, SIZE, Hand, Rule, relative
from nmviz.core.results import Progress
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import load
from nmviz.engine.load.sites import find_site
from nmviz.engine.look.capture import Captures
from nmviz.engine.look.hand import MOST_WORDS, ROWS, RULES, hand
from nmviz.engine.measure.dense import logits
from nmviz.engine.prune.sparsify import forwards, replaced
from nmviz.service.beforehand.hands import PLACES, PROMPTS, rounded, shipped_hands, take_hand
from nmviz.ui.explore.form.controls import FIELDS, values_of
from nmviz.ui.explore.panels.hand import html, take
from nmviz.ui.shell.limits import model_of, settle
from nmviz.ui.shell.view import View

PROMPT = "The river runs downhill and takes up other streams."
WHERE = (1, "down")


@pytest.fixture
def made(tiny: str, paragraphs_calibrate: None) -> Iterator[tuple[str, Hand]]:
    site = find_site(load(tiny).model, *WHERE)
    with torch.inference_mode():
        yield tiny, at_once(hand(load(tiny), Captures(), PROMPT, site, nothing, windows=4))


def inputs(tiny: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the layer on the prompt, and its weight, in double."""
    site = find_site(load(tiny).model, *WHERE)
    x = Captures().get(load(tiny), PROMPT).of(site)
    return x.double(), site.weight.double()


def experiment_of(tiny: str, rule: Rule, **more: Any) -> Experiment:
    """What the engine prunes as the rule does."""
    ties = "index" if rule.target == "weight" else "auto"
    asked = {"model": tiny, "pattern": "8:16", "target": rule.target, "criterion": rule.name}
    return Experiment.build(**asked, ties=ties, **more)


def test_a_choice_of_ones_own_has_the_error_of_the_layers_output(made: tuple[str, Hand]) -> None:
    tiny, one = made
    x, weight = inputs(tiny)
    generator = torch.Generator().manual_seed(0)
    for word in range(len(one.words)):
        kept = torch.zeros(SIZE, dtype=torch.bool)
        kept[torch.randperm(SIZE, generator=generator)[:KEPT]] = True
        pruned = x[word].clone()
        pruned[one.first : one.first + SIZE] *= kept
        y = weight @ x[word]
        error = ((y - weight @ pruned).norm() / y.norm()).item()
        assert one.error(word, kept.tolist()) == pytest.approx(error, rel=1e-5)
        assert one.error(word, [True] * SIZE) == 0


def test_a_rule_has_the_masks_and_errors_of_the_engine(made: tuple[str, Hand]) -> None:
    tiny, one = made
    x, weight = inputs(tiny)
    site = find_site(load(tiny).model, *WHERE)
    assert [(rule.target, rule.name) for rule in one.rules] == list(RULES)
    columns = slice(one.first, one.first + SIZE)
    for rule in one.rules:
        asked = experiment_of(tiny, rule, calibration_windows=4)
        pruned = bind(load(tiny), asked, nothing).pruned
        mask = pruned.masked(site, x.float()).mask[:, columns]
        rows = mask if rule.target == "activation" else mask[:ROWS]
        assert rule.kept == rows.tolist() and bool((mask.sum(-1) == KEPT).all())
        for word in range(len(one.words)):
            y = weight @ x[word]
            if rule.target == "activation":
                lost = weight[:, columns] @ (x[word, columns] * ~mask[word])
            else:
                lost = (weight[:, columns] * ~mask) @ x[word, columns]
            error = (lost.norm() / y.norm()).item()
            assert one.error_of(rule, word) == pytest.approx(error, rel=1e-5, abs=1e-9)
        whole = pruned.lost(site, x.float()).double().norm(dim=-1) / (x @ weight.T).norm(dim=-1)
        assert rule.layer == pytest.approx(whole.tolist(), rel=1e-4)


def test_the_next_words_are_those_of_the_pruned_models(made: tuple[str, Hand]) -> None:
    tiny, one = made
    loaded = load(tiny)
    ids = loaded.tokenizer(PROMPT, return_tensors="pt").input_ids[0]
    assert len(ids) == len(one.words) == len(one.guesses)
    dense = logits(loaded, ids).softmax(-1)
    asked = Experiment.build(model=tiny, pattern="8:16", criterion="clact")
    with replaced(forwards(bind(loaded, asked, nothing).pruned, nothing)):
        pruned = logits(loaded, ids).softmax(-1)
        read = ids
        for _ in range(12):
            read = torch.cat([read, logits(loaded, read)[-1].argmax()[None]])
    rule = next(rule for rule in one.rules if rule.name == "clact")
    assert rule.written == loaded.tokenizer.decode(read[len(ids) :])
    assert one.written != rule.written
    for word, guess in enumerate(rule.guesses):
        best = int(pruned[word].argmax())
        assert guess.word == loaded.tokenizer.decode([best])
        assert guess.probability == pytest.approx(pruned[word, best].item(), rel=1e-5)
        likeliest = int(dense[word].argmax())
        assert guess.of_dense == pytest.approx(pruned[word, likeliest].item(), rel=1e-5)
        assert one.guesses[word].of_dense == one.guesses[word].probability


def test_it_travels_as_json_in_a_few_kilobytes(made: tuple[str, Hand]) -> None:
    _, one = made
    text = json.dumps(one.to_json())
    assert len(text) < 60_000 and "NaN" not in text
    assert json.loads(text)["rules"][0]["name"] == "magnitude"


def test_what_cannot_be_shown_says_why(tiny: str, paragraphs_calibrate: None) -> None:
    site = find_site(load(tiny).model, *WHERE)
    with pytest.raises(UserError, match="The prompt is empty"):
        at_once(hand(load(tiny), Captures(), "", site, nothing))


def test_a_layer_that_gives_nothing_has_no_error() -> None:
    assert relative([1.0] * SIZE, [[1.0] * SIZE] * SIZE, 0.0) == 0.0


def live(tiny: str, prompt: str, place: tuple[int, str] = WHERE) -> Hand:
    *steps, made = take_hand(tiny, prompt, *place, Event())
    assert isinstance(made, Hand) and all(isinstance(one, Progress) for one in steps)
    return made


def test_what_is_made_live_is_the_same_without_what_must_be_calibrated_and_written(
    made: tuple[str, Hand],
) -> None:
    tiny, shipped = made  # which has calibrated Wanda where these tests keep it
    now = live(tiny, PROMPT)
    assert (now.left_out, now.written) == (["Wanda"], "") and shipped.left_out == []
    same = [rule for rule in shipped.rules if rule.name != "wanda"]
    assert now.rules == [replace(rule, written="") for rule in same]
    assert replace(now, rules=[], left_out=[]) == replace(
        shipped, rules=[], written="", left_out=[]
    )


def test_another_prompt_and_layer_have_the_engines_masks_and_next_words(
    tiny: str, paragraphs_calibrate: None
) -> None:
    prompt, place = "Rain falls on the hills " * 30, (2, "o")
    one, loaded = live(tiny, prompt, place), load(tiny)
    assert (one.block, one.projection) == place and len(one.words) == MOST_WORDS
    site = find_site(loaded.model, *place)
    x = Captures().get(loaded, prompt).of(site)[:MOST_WORDS]
    columns = slice(one.first, one.first + SIZE)
    assert one.inputs == x[:, columns].tolist()
    ids = loaded.tokenizer(prompt, return_tensors="pt").input_ids[0][:MOST_WORDS]
    for rule in one.rules:
        asked = experiment_of(tiny, rule)
        pruned = bind(loaded, asked, nothing).pruned
        mask = pruned.masked(site, x).mask[:, columns]
        assert rule.kept == (mask if rule.target == "activation" else mask[:ROWS]).tolist()
        with torch.inference_mode(), replaced(forwards(pruned, nothing)):
            best = logits(loaded, ids).softmax(-1).max(-1)
        told = [loaded.tokenizer.decode([word]) for word in best.indices.tolist()]
        assert [guess.word for guess in rule.guesses] == told
        assert [guess.probability for guess in rule.guesses] == pytest.approx(best.values.tolist())


def test_the_page_opens_it_beside_what_ships_or_says_why_not(
    tiny: str, paragraphs_calibrate: None
) -> None:
    def taken(**changes: Any) -> list[dict[str, Any]]:
        view = settle(View.build({"model": tiny, "prompt": PROMPT, "block": 1, **changes}))
        fields = {"text": None, **values_of(view, model_of(view))}
        return list(take([fields[name] for name in FIELDS], "visitor"))

    *bars, last = taken()
    assert all("progress" in one["hand_progress"] for one in bars) and bars
    told = unescape(re.findall('data-hands="([^"]*)"', last["hand"])[0])
    (only,) = json.loads(told)
    assert only["prompt"] == PROMPT and only["hand"] == rounded(live(tiny, PROMPT).to_json())
    assert 'data-open="0"' in last["hand"] and last["hand_progress"] == ""
    assert "<script>" not in taken(prompt="<script>alert(1)</script>")[-1]["hand"]
    (said,) = taken(model="llama2-7b")
    assert "published results alone" in said["hand_progress"] and "hand" not in said


def test_it_is_cancelled_between_two_rules(tiny: str, paragraphs_calibrate: None) -> None:
    cancel = Event()
    steps = take_hand(tiny, PROMPT, *WHERE, cancel)
    assert isinstance(next(steps), Progress) and isinstance(next(steps), Progress)
    cancel.set()
    assert list(steps) == []


@pytest.mark.real
@pytest.mark.parametrize("model", PLACES)
def test_the_hands_that_ship_are_what_the_engine_gives(model: str) -> None:
    loaded = load(model)
    [(prompt, shipped), *_] = shipped_hands(model)
    site = find_site(loaded.model, *PLACES[model])
    x = Captures().get(loaded, prompt).of(site)
    columns = slice(shipped.first, shipped.first + SIZE)
    assert torch.allclose(x[:, columns], torch.tensor(shipped.inputs), atol=1e-4)
    part = site.weight[:, columns].double()
    assert torch.allclose(part.T @ part, torch.tensor(shipped.gram).double(), rtol=1e-4)
    pruned = bind(loaded, Experiment.build(model=model, pattern="8:16"), nothing).pruned
    assert shipped.rules[0].kept == pruned.masked(site, x).mask[:, columns].tolist()
    with torch.inference_mode():
        lost = pruned.lost(site, x).norm(dim=-1) / site.dense(x).norm(dim=-1)
    assert shipped.rules[0].layer == pytest.approx(lost.tolist(), rel=1e-3)
    assert [prompt for prompt, _ in shipped_hands(model)] == list(PROMPTS)


def test_a_model_without_one_says_so(tiny: str) -> None:
    assert shipped_hands(tiny) == ()
    assert "button below" in html(tiny, "tiny") and "data-hands" not in html(tiny, "tiny")
    assert 'data-hands="[{&quot;prompt&quot;' in html("smollm2-135m", "SmolLM2")
