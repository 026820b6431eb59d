"""The hand of sixteen inputs: every number equals what the engine computes."""

import json
from collections.abc import Iterator

import pytest
import torch
from pruning import nothing

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.lessons.hand import KEPT, SIZE, Hand, relative
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load.loading import load
from nmviz.engine.load.sites import find_site
from nmviz.engine.look.capture import Captures
from nmviz.engine.look.hand import ROWS, RULES, hand
from nmviz.engine.measure.dense import logits
from nmviz.engine.prune.sparsify import forwards, replaced
from nmviz.service.hands import PLACES, PROMPTS, shipped_hands
from nmviz.ui.explore.panels.hand import html

PROMPT = "The river runs downhill and takes up other streams."
WHERE = (1, "down")


@pytest.fixture
def made(tiny: str, paragraphs_calibrate: None) -> Iterator[tuple[str, Hand]]:
    site = find_site(load(tiny).model, *WHERE)
    with torch.inference_mode():
        yield tiny, hand(load(tiny), Captures(), PROMPT, site, nothing, windows=4)


def inputs(tiny: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the layer on the prompt, and its weight, in double."""
    site = find_site(load(tiny).model, *WHERE)
    x = Captures().get(load(tiny), PROMPT).of(site)
    return x.double(), site.weight.double()


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
        asked = Experiment.build(
            model=tiny,
            pattern="8:16",
            target=rule.target,
            criterion=rule.name,
            calibration_windows=4,
            ties="index" if rule.target == "weight" else "auto",
        )
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
        hand(load(tiny), Captures(), "", site, nothing)


def test_a_layer_that_gives_nothing_has_no_error() -> None:
    assert relative([1.0] * SIZE, [[1.0] * SIZE] * SIZE, 0.0) == 0.0


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
    assert "two small models" in html(tiny, "tiny") and "data-hands" not in html(tiny, "tiny")
    assert 'data-hands="[{&quot;prompt&quot;' in html("smollm2-135m", "SmolLM2")
