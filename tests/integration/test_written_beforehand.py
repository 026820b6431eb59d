"""Texts that ship: sound, whole for what the page opens with, found by what pruned the model."""

import re

import pytest

from nmviz.core.experiment import Experiment
from nmviz.service.beforehand.texts import written_beforehand
from nmviz.ui.explore.panels.beforehand import beforehand
from nmviz.ui.shell.view import DEFAULT_PROMPT, View, Writing

MODELS = ("smollm2-135m", "gemma-3-270m")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("pattern", ["2:4", "8:16", "50%"])
def test_two_prompts_were_written_for_what_the_page_opens_with(model: str, pattern: str) -> None:
    view = View.build({"model": model, "pattern": pattern})
    written = written_beforehand(view.experiments())
    assert len(written) == 2 and written[0].prompt == DEFAULT_PROMPT
    for one in written:
        assert [text.column for text in one.continuations] == ["dense", "weight", "activation"]
        dense = one.continuations[0]
        assert 0 < len(dense.tokens) <= one.tokens == Writing().new_tokens
        for text in one.continuations:
            assert len(text.dense_probability) == len(dense.tokens)
            assert all(0 <= chance <= 1 for chance in text.dense_probability)
        own = [token.probability for token in dense.tokens]
        assert dense.dense_probability == pytest.approx(own, rel=0.05, abs=1e-3)


def test_the_text_that_is_measured_does_not_matter_and_the_pruning_does() -> None:
    usual = View().experiments()
    elsewhere = [one.but(corpus="wikitext-2", tokens=8192) for one in usual]
    assert written_beforehand(elsewhere) == written_beforehand(usual)
    others = [one.but(pattern="2:4") for one in usual]
    assert [one.continuations[1:] for one in written_beforehand(others)] != [
        one.continuations[1:] for one in written_beforehand(usual)
    ]


def test_what_was_not_written_is_said(tiny: str) -> None:
    assert beforehand(View.build({"model": tiny})) == ""
    assert beforehand(View.build({"pattern": "3:4"})) == ""
    half = beforehand(View.build({"pattern": "2:4", "criterion": "var-weight"}))
    assert "With activations pruned so none was written beforehand" in half
    whole = beforehand(View.build({"pattern": "2:4"}))
    assert "none was written" not in whole
    assert len(re.findall(r'<article class="card', whole)) == 6


def test_an_experiment_without_a_key_has_no_text() -> None:
    nowhere = Experiment.build(model="smollm2-135m", pattern="3:7")
    assert written_beforehand([nowhere]) == ()
