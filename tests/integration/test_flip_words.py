"""Words behind the numbers of flips: from the tokenizer and the text, or left out where they are
not at hand."""

import shutil
from pathlib import Path

import pytest
import torch
from tiny import PARAGRAPHS

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.tokenwise.flips import Flip
from nmviz.engine.load import loading
from nmviz.engine.load.loading import load
from nmviz.engine.look import words
from nmviz.service.flips import NO_TEXT, NO_WORDS, flips_in_words
from nmviz.service.runs import resolve

OWN = "Zebedee hid the emerald under the seventh stair of the lighthouse. " * 30


@pytest.fixture(scope="module")
def result(tiny: str) -> Result:
    """A run on the corpus of the folder; what its words need is read from files again."""
    experiment = Experiment.build(
        model=tiny, corpus="wikitext-2", pattern="2:4", window=64, tokens=512
    )
    *_, last = service.run([experiment])
    loading.forget()
    return last.results[0]


def test_words_are_those_of_the_text_and_of_the_two_models(result: Result, tiny: str) -> None:
    told, tokenizer = flips_in_words(result), load(tiny).tokenizer
    ids = tokenizer("\n\n".join(PARAGRAPHS * 20)).input_ids
    assert result.flips is not None and len(told.rows) == len(result.flips.rows) > 50
    assert told.lacking == ""
    for row, flip in zip(told.rows, result.flips.rows, strict=True):
        place = 64 * flip.window + flip.token
        assert ids[place] == flip.right and row.right == tokenizer.decode([flip.right])
        assert row.dense == tokenizer.decode([flip.dense])
        assert row.pruned == tokenizer.decode([flip.pruned])
        first = max(64 * flip.window, place - words.BEFORE)
        before = tokenizer.decode(ids[first:place])
        cut = row.before.startswith(words.CUT)
        assert before.endswith(row.before[1:]) if cut else before == row.before
        assert len(row.before) == words.CHARACTERS if cut else len(before) <= words.CHARACTERS


def test_without_the_text_there_are_words_and_no_text_before(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))
    told = flips_in_words(result)
    assert told.lacking == NO_TEXT
    assert all(row.before == "" and not row.dense.startswith("#") for row in told.rows)


def test_another_text_under_the_same_name_is_not_taken_for_it(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wiki.test.raw").write_text("Something else. " * 500)
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))
    assert flips_in_words(result).lacking == NO_TEXT


def test_without_the_model_words_are_numbers(result: Result, tmp_path: Path, tiny: str) -> None:
    gone = result.experiment.but(model=str(tmp_path / "gone"))
    told = flips_in_words(result.model_copy(update={"experiment": gone}))
    assert told.lacking == NO_WORDS
    assert result.flips is not None
    first, flip = told.rows[0], result.flips.rows[0]
    assert (first.right, first.dense) == (f"#{flip.right}", f"#{flip.dense}")
    other = Path(shutil.copytree(tiny, tmp_path / "other"))
    (other / "config.json").write_text((other / "config.json").read_text() + "\n")
    changed = result.experiment.but(model=str(other))
    told = flips_in_words(result.model_copy(update={"experiment": changed}))
    assert told.lacking == NO_WORDS, "files that changed are another model"


def test_a_pinned_model_is_not_fetched_for_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(loading, "_models", loading._Kept(1))
    assert words.vocabulary(resolve(Experiment())) is None
    assert list(tmp_path.iterdir()) == []


def test_a_text_of_ones_own_gives_what_stands_before_only_to_who_has_it(tiny: str) -> None:
    asked = Experiment.build(
        model=tiny, corpus=service.OWN_TEXT, pattern="2:4", window=64, tokens=128
    )
    *_, last = service.run([asked], text=OWN)
    (run,) = last.results
    assert any("emerald" in row.before for row in flips_in_words(run, OWN).rows)
    assert flips_in_words(run).lacking == NO_TEXT


def test_what_stands_before_is_cut_to_the_last_characters(tiny: str) -> None:
    known = words.vocabulary(Experiment.build(model=tiny))
    assert known is not None
    longest = max(range(len(known.tokenizer)), key=lambda one: len(known.tokenizer.decode([one])))
    word = known.tokenizer.decode([longest])
    assert words.BEFORE * len(word) > words.CHARACTERS
    sizes = dict.fromkeys(("dense_before", "dense_after", "pruned_before", "pruned_after"), 0.5)
    ids = {"right": longest, "dense": longest, "pruned": longest - 1}
    flips = [Flip(window=0, token=n, kl=1, **ids, **sizes) for n in (1, 60)]
    short, long = words.in_words(flips, known, torch.full((1, 64), longest))
    assert short.before == word
    assert len(long.before) == words.CHARACTERS and long.before[0] == words.CUT
    assert (word * words.BEFORE).endswith(long.before[1:])


def test_a_flip_that_cannot_be_of_this_model_and_text_breaks_nothing(
    result: Result, tiny: str
) -> None:
    """As a file of somebody else's may have it."""
    assert result.flips is not None
    first = result.flips.rows[0]
    strange = (
        first.model_copy(update={"dense": 10**9}),
        first.model_copy(update={"window": 10**9}),
        first.model_copy(update={"right": first.right + 1}),
    )
    flips = result.flips.model_copy(update={"rows": strange})
    numbers, *others = flips_in_words(result.model_copy(update={"flips": flips})).rows
    assert (numbers.dense, numbers.before) == ("#1000000000", "")
    assert [one.before for one in others] == ["", ""]
