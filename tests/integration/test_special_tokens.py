"""Special tokens that are written out in a text or a prompt of the user's own are text."""

from pathlib import Path

import pytest
import torch
from tiny import END, PARAGRAPHS

from nmviz import service
from nmviz.cli.printing import run_text
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.tokens import encode, in_template, written_out
from nmviz.engine.look.capture import make_capture
from nmviz.service.runs import store
from nmviz.ui.explore.panels.origin import origin


@pytest.fixture
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


def test_in_a_text_of_ones_own_they_are_text_and_in_a_corpus_what_they_are(
    loaded: LoadedModel,
) -> None:
    end = loaded.tokenizer.eos_token_id
    for text in (f"a{END}b", f"a{END}b" * 2000):  # remembered or not
        own, public = encode(loaded, text), encode(loaded, text, public=True)
        assert end not in own.tolist()
        assert loaded.tokenizer.decode(own) == text
        assert public.tolist().count(end) == text.count(END)
    assert (written_out(loaded, "a < b |> c"), written_out(loaded, f"{END}{END}")) == (0, 2)


def test_in_a_prompt_they_are_text_and_in_the_template_around_it_control_tokens(
    loaded: LoadedModel,
) -> None:
    end = loaded.tokenizer.eos_token_id
    ids = in_template(loaded, f"a{END}b").tolist()
    assert ids.count(end) == 1, "the template's own"
    assert loaded.tokenizer.decode(ids) == f"user: a{END}b{END}assistant: "
    plain = loaded.tokenizer(f"user: a b{END}assistant: ", add_special_tokens=False).input_ids
    assert torch.equal(in_template(loaded, "a b"), torch.tensor(plain))
    assert END not in make_capture(loaded, f"a{END}b").tokens


TEXT = END.join(PARAGRAPHS)


def question(model: Path) -> Experiment:
    fields = {"corpus": "text", "tokens": 64, "window": 32, "pattern": "2:4"}
    return Experiment.build(model=str(model), **fields)


def measured(model: Path, text: str) -> Result:
    *_, last = service.run([question(model)], text=text)
    return last.results[0]


@pytest.mark.usefixtures("empty_store")
def test_a_result_says_how_they_were_read(tiny_model: Path) -> None:
    result = measured(tiny_model, TEXT)
    assert "special tokens in the text: 5 written out, read as text" in run_text(result, False)
    assert "(special tokens: 5 written out, read as text)" in origin({"activation": result}, False)
    plain = measured(tiny_model, " ".join(PARAGRAPHS))
    assert plain.provenance.settings["special_tokens"] == "none written out"


@pytest.mark.usefixtures("empty_store")
def test_an_older_result_answers_only_texts_without_them(tiny_model: Path) -> None:
    for text, answers in ((TEXT, False), (" ".join(PARAGRAPHS), True)):
        *_, last = service.run([question(tiny_model)], text=text, how=Running(keep=False))
        settings = {"dtype": "float32", "attention": "sdpa"}
        made = last.results[0].provenance.model_copy(update={"settings": settings})
        before = last.results[0].model_copy(update={"provenance": made})
        store().put(before)
        assert (service.lookup(question(tiny_model), text) is not None) is answers
