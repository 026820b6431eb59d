"""Endpoints that answer from the store and from counts."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import gradio as gr
import pytest
from serving import served_here

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.ui.api_of_store import cost, figure, published

pytestmark = pytest.mark.usefixtures("module_store")
README = Path(__file__).parents[2] / "README.md"


def test_the_example_of_the_readme_runs() -> None:
    text = README.read_text(encoding="utf-8").partition("## The endpoints of the page")[2]
    lines = text.partition("```python\n")[2].partition("```")[0]
    told: dict[str, Any] = {}
    with served_here() as page:
        exec(lines.replace("http://127.0.0.1:7860", page.local_url), told)
    assert told["stored"]["experiment"]["pattern"] == "2:4"
    assert {row["metric"] for row in told["apart"]["rows"]} >= {"delta_nll", "perplexity"}
    assert told["rows"] and told["drawn"]["svg"].startswith("<?xml") and told["priced"]


def test_published_rows_are_those_of_the_library() -> None:
    rows = published({"patterns": "2:4", "methods": ["ACT"], "words": "value < 12, where ~ 10"})
    assert rows and all(row["pattern"] == "2:4" and row["value"] < 12 for row in rows)
    assert all(row["place"] == "Table 10" and row["printed"] is not None for row in rows)


def test_a_figure_is_a_drawing_with_its_numbers() -> None:
    stored = service.lookup(Experiment())
    assert stored is not None
    told = figure("error-by-layer", [stored.key], width=84)
    root = ElementTree.fromstring(told["svg"])
    assert root.tag.endswith("svg") and str(root.get("width", "")).startswith("238")  # points
    assert stored.key[:12] in told["caption"]
    drawn = {one["y"] for one in told["numbers"]}
    assert {one.rel_error for one in stored.sites} <= drawn


def test_a_cost_is_counted() -> None:
    told = cost("llama2-7b", {"pattern": "2:4", "target": "weight", "machine": "a100"})
    dense = cost("llama2-7b")
    assert told != dense and "a100" in str(told).lower()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda: published({"nothing": 1}), "Rows are not chosen by 'nothing'"),
        (lambda: published([1]), "chosen is no object"),
        (lambda: published({"words": "x" * 9000}), "more than 4,000 characters"),
        (lambda: figure("nope"), "There is no figure 'nope'"),
        (lambda: figure("mask", ["pattern=2:4"]), "of one layer on a prompt"),
        (lambda: figure("error-by-layer", ["/etc/passwd"]), "is no key and no link"),
        (lambda: figure("error-by-layer", "pattern=2:4"), "results is a list of at most 6"),
        (lambda: figure("roofline", width="wide"), "width is a number of millimetres"),
        (lambda: figure("roofline", width=float("nan")), "mm wide"),
        (lambda: cost("/etc"), "There is no such model: choose one of"),
        (lambda: cost("meta/llama"), "There is no such model"),
        (lambda: cost("llama2-7b", {"pattern": "/etc/plan.yaml"}), "A plan is a file"),
        (lambda: cost("llama2-7b", {"tokens": "many"}), "tokens is a whole number"),
        (lambda: cost("llama2-7b", {"pattern": ["2:4"]}), "pattern is a text"),
        (lambda: cost("llama2-7b", {"machines": "x"}), "A cost has no setting 'machines'"),
    ],
)
def test_what_is_wrong_is_one_sentence(asked: Any, said: str) -> None:
    with pytest.raises(gr.Error) as told:
        asked()
    assert said in told.value.message and told.value.message.count("\n") == 0
