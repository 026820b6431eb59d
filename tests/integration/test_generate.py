"""Generation: equal to transformers' own where nothing is pruned, and side by side where it is."""

from pathlib import Path
from threading import Event

import pytest
import torch

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import GenerationProgress
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.sites import find_sites
from nmviz.engine.write import bytes_read
from nmviz.engine.write.generate import Sampling, generate, prompt_ids

PROMPT = "The river rises"
PAIR = [Experiment(pattern="1:4", target="weight"), Experiment(pattern="1:4")]


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


def last(loaded: LoadedModel, **settings: object) -> GenerationProgress:
    sampling = Sampling(**{"max_new_tokens": 12, **settings})  # type: ignore[arg-type]
    *_, final = generate(loaded, PAIR, PROMPT, sampling, Event())
    assert final.done
    return final


def test_greedy_dense_text_is_that_of_transformers(loaded: LoadedModel) -> None:
    ids = prompt_ids(loaded, PROMPT, chat=True, room=12)
    own = loaded.model.generate(ids[None], max_new_tokens=12, do_sample=False)[0, len(ids) :]
    dense = last(loaded).continuations[0]
    assert [token.id for token in dense.tokens] == own.tolist()[: len(dense.tokens)]
    assert dense.text == loaded.tokenizer.decode(own, skip_special_tokens=True)


def test_the_chat_template_is_used_where_it_is_wanted(loaded: LoadedModel) -> None:
    with_chat = loaded.tokenizer.decode(prompt_ids(loaded, PROMPT, chat=True, room=1))
    assert with_chat == f"user: {PROMPT}<|end|>assistant: "
    assert loaded.tokenizer.decode(prompt_ids(loaded, PROMPT, chat=False, room=1)) == PROMPT


def test_three_texts_that_differ(loaded: LoadedModel) -> None:
    texts = last(loaded).continuations
    assert [text.column for text in texts] == ["dense", "weight", "activation"]
    assert all(text.finished for text in texts)
    assert texts[0].text != texts[1].text
    assert texts[0].text != texts[2].text
    assert all(0 < token.probability <= 1 for text in texts for token in text.tokens)


def test_the_dense_text_is_scored_under_every_model(loaded: LoadedModel) -> None:
    dense, *others = last(loaded).continuations
    written = [token.probability for token in dense.tokens]
    assert dense.dense_probability == pytest.approx(written, rel=1e-4)
    for other in others:
        assert len(other.dense_probability) == len(dense.tokens)
        assert other.dense_probability != dense.dense_probability


def test_sampling_follows_its_seed(loaded: LoadedModel) -> None:
    texts = [last(loaded, temperature=1.5, seed=seed).continuations[0].text for seed in (1, 1, 2)]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_it_streams_token_by_token_and_ends_when_cancelled(loaded: LoadedModel) -> None:
    cancel = Event()
    before = loaded.model(torch.arange(5)[None]).logits
    steps = []
    for step in generate(loaded, PAIR, PROMPT, Sampling(max_new_tokens=40), cancel):
        steps.append(step)
        if len(steps) == 3:
            cancel.set()
    assert [len(step.continuations[0].tokens) for step in steps] == [1, 2, 3]
    assert not steps[-1].done
    assert torch.equal(loaded.model(torch.arange(5)[None]).logits, before)


@pytest.mark.parametrize(
    ("prompt", "says"), [("  ", "prompt is empty"), ("river " * 600, "more than the 512")]
)
def test_a_prompt_that_does_not_fit_is_refused(loaded: LoadedModel, prompt: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        list(generate(loaded, PAIR, prompt, Sampling(), Event()))


def test_real_speed_writes_what_masking_writes_and_counts_what_it_reads(
    loaded: LoadedModel,
) -> None:
    pair = [Experiment(pattern="2:4", target="weight"), Experiment(pattern="2:4")]
    masked = last_of(loaded, pair, real_speed=False)
    skipped = last_of(loaded, pair, real_speed=True)
    dense, weight, activation = skipped.continuations
    assert dense.bytes_a_token == weight.bytes_a_token == bytes_read.dense_bytes(loaded)
    inside = sum(site.weight.nbytes for site in find_sites(loaded.model))
    assert activation.bytes_a_token == pytest.approx(dense.bytes_a_token - inside / 2, rel=1e-3)
    for one, other in zip(masked.continuations, skipped.continuations, strict=True):
        assert one.bytes_a_token is None
        assert one.text == other.text
        low, middle, high = other.tokens_a_second or (0, 0, 0)
        assert 0 < low <= middle <= high


def test_a_text_that_ends_early_reads_as_much_a_token(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    (_, whole) = last_of(loaded, [Experiment(pattern="2:4")], real_speed=True).continuations
    monkeypatch.setattr(loaded.model.generation_config, "eos_token_id", whole.tokens[5].id)
    (_, short) = last_of(loaded, [Experiment(pattern="2:4")], real_speed=True).continuations
    assert 0 < len(short.tokens) <= 5
    assert short.bytes_a_token == pytest.approx(whole.bytes_a_token, rel=1e-3)


def last_of(loaded: LoadedModel, pair: list[Experiment], *, real_speed: bool) -> GenerationProgress:
    *_, final = generate(loaded, pair, PROMPT, Sampling(12, chat=False), Event(), real_speed)
    return final
