"""The published tab's answers: what it is asked, what it says, what it refuses."""

import json
import re

import pytest

from nmviz import service
from nmviz.published.listing import Selection
from nmviz.service.listing import explore
from nmviz.ui.published import answer as answers
from nmviz.ui.published.answer import DEFAULT, FIELDS, FORMATS, OUTPUTS
from nmviz.views.published.catalogue import FIGURES

pytestmark = pytest.mark.usefixtures("module_store")


def settings(**changed: object) -> list[object]:
    """The values of the form: the default's, with some changed."""
    usual = answers.values_of(FIGURES["weights-and-activations"])
    usual |= {"sources": [], "patterns": list(DEFAULT.patterns)}
    return [{**usual, **changed}[name] for name in FIELDS]


@pytest.mark.parametrize("name", FIGURES)
def test_a_named_figure_and_the_settings_that_show_it_agree(name: str) -> None:
    figure = FIGURES[name]
    values = [answers.values_of(figure)[field] for field in FIELDS]
    kind, chosen = answers.selection_of(values)
    assert kind == figure.kind
    assert set(explore(chosen)) == set(explore(figure.selection))
    assert f"nmviz figure {name} --out" in answers.ready_made(name)["command"]


def test_everything_below_the_settings_is_answered() -> None:
    said = answers.answered(settings())
    assert set(said) == set(OUTPUTS)
    rows = explore(answers.selection_of(settings())[1])
    assert len(said["table"]) == len(rows) == 47
    assert "47 rows from" in said["count"]
    assert json.loads(said["plot"].plot)["data"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "<script>"},
        {"metric": "price"},
        {"order": "random"},
        {"models": ["someone/else"]},
        {"places": ["Table 1"]},
        {"tasks": ["ifeval"]},
    ],
)
def test_what_is_not_offered_is_refused_in_a_sentence(wrong: dict) -> None:
    said = answers.answered(settings(**wrong))
    assert 'class="error"' in said["head"] and "Choose" in said["head"]
    assert "<script>" not in said["head"]
    file = json.loads(answers.exported(settings(**wrong), "CSV"))
    assert file["failed"].startswith("Choose")


def test_odd_words_are_only_words() -> None:
    said = answers.answered(settings(words="<b>'; DROP TABLE results; --" + "x" * 100))
    assert "widen the words" in said["head"]
    assert "0 rows." in said["count"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_holds_the_rows_of_the_table(name: str) -> None:
    values = settings(words="recomputed", order="most")
    file = json.loads(answers.exported(values, name))
    rows = explore(answers.selection_of(values)[1])
    write = FORMATS[name][2]
    if name == "LaTeX":
        assert r"\caption{Pruning activations loses less accuracy" in file["text"]
        file["text"] = re.sub(r"\\caption.*?\\endfirsthead\n", "", file["text"], flags=re.DOTALL)
    assert file["text"] == write(rows)
    assert file["name"] == f"nmviz-published.{FORMATS[name][0]}"
    assert len(answers.answered(values)["table"]) == len(rows) > 20


def test_a_figure_draws_no_more_rows_than_can_be_read() -> None:
    everything = settings(kind="ladder", patterns=[], models=[], methods=[], each_task=True)
    said = answers.answered(everything)
    rows = explore(answers.selection_of(everything)[1])
    assert len(rows) > answers.MOST_DRAWN == 200
    assert f"draws the first 200 of {len(rows)} rows" in said["head"]
    assert len(said["table"]) == len(rows)
    assert "draws the first" not in answers.answered(settings())["head"]


def test_the_same_figure_is_drawn_once() -> None:
    first = answers.answered(settings())["plot"]
    assert answers.answered(settings())["plot"] is first
    assert answers.answered(settings(words="2:4"))["plot"] is not first


def test_no_published_results_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = service.Published((), service.published().names, ())
    monkeypatch.setattr("nmviz.service.listing.published", lambda: nothing)
    with pytest.raises(Exception, match="run nmviz from a checkout"):
        explore(Selection())
