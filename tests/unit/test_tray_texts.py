"""Texts of two pinned models, of one model and of two."""

import re

import pytest

from nmviz.core.experiment import Experiment
from nmviz.core.results import Continuation, Provenance, Result, Token
from nmviz.ui.tray.texts import ONE_ENDS, SAME, side_by_side, texts
from nmviz.views.tray.parting import shared_beginning

GEMMA, SMOLLM = "gemma-3-270m", "smollm2-135m"


def result(model: str, **fields: str) -> Result:
    made = Provenance(source="nmviz")
    return Result(
        experiment=Experiment.build(model=model, **fields), measurements=(), provenance=made
    )


def columns(html: str) -> list[str]:
    return re.findall(r'aria-label="text of ([^"]*)"', html)


def test_texts_of_two_models_stand_beside_their_own_dense_texts() -> None:
    html = texts(result(SMOLLM, pattern="8:16"), result(GEMMA, pattern="2:4"))
    prompts = html.count("<h3>") - html.count("<article")
    assert prompts >= 1
    each = ["dense", "A: activations 8:16, magnitude", "dense", "B: activations 2:4, magnitude"]
    assert columns(html) == each * prompts
    assert html.count("Gemma 3 270M</h4>") == html.count("SmolLM2 135M Instruct</h4>") == prompts
    assert html.count("A and B part") + html.count(SAME) + html.count(ONE_ENDS) == prompts


def test_texts_of_one_model_share_the_dense_one() -> None:
    html = texts(result(SMOLLM, pattern="8:16"), result(SMOLLM, pattern="2:4"))
    assert set(columns(html)[::3]) == {"dense"} and len(columns(html)) % 3 == 0
    assert "</h4>" not in html


def written(words: str) -> Continuation:
    tokens = tuple(Token(text=word, id=ord(word[0]), probability=0.5) for word in words.split("|"))
    return Continuation("activation", tokens, True, ())


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("The |sea", "The s|ky", "A and B part after “The s”."),
        (" The", "The", SAME),
        ("The sea", "The sea| is", ONE_ENDS),
        ("<b>", "<i>", "A and B part after “&lt;”."),
        ("x", "y", "A and B part at the first letter."),
    ],
)
def test_two_models_part_where_their_letters_do(a: str, b: str, said: str) -> None:
    models = [Experiment(model=SMOLLM), Experiment(model=GEMMA)]
    every = [(written("d"), written(a)), (written("d"), written(b))]
    assert said in side_by_side(models, every, True)
    assert said not in side_by_side(models, every[:1], False)


def test_the_shared_beginning_is_of_letters() -> None:
    assert shared_beginning("/usr/lib", "/usr/local") == "/usr/l"
