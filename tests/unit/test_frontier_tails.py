"""Tails as a quality of the trade-offs: the dense model loses nothing, old runs are counted."""

import json
from html import unescape
from typing import Any

import pytest

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.core.tokenwise.tails import TAILS
from nmviz.service.tradeoffs.axes import QUALITIES, Asked
from nmviz.service.tradeoffs.figures import draw_frontier, without_tails
from nmviz.service.tradeoffs.frontier import lacking, points
from nmviz.ui.tradeoffs import answers

MODEL = "smollm2-135m"
REASON = "0.5 tokens lie beyond it, and an error takes 10"
TEXT = {"corpus": "wikitext-2", "tokens": 1024, "window": 512}

# The runs are these alone: what ships may have tails or not.
pytestmark = pytest.mark.usefixtures("empty_store")


def measured(pattern: str, kl: float, tails: bool = True, **fields: Any) -> Result:
    """A run with that KL; at 99% it is ten times as much, known to a tenth, at 99.9% twenty."""
    told = [Measurement(metric="kl", value=kl, stderr=kl / 10, n=16, unit_of_n="blocks")]
    if tails:
        told += [
            Measurement(metric="kl_median", value=kl, n=16),
            Measurement(metric="kl_p99", value=10 * kl, stderr=kl, n=16, unit_of_n="blocks"),
            Measurement(metric="kl_p999", value=20 * kl, n=1022, no_stderr=REASON),
            Measurement(metric="delta_p_p01", value=-kl, stderr=kl / 10, n=16),
        ]
    return Result(
        experiment=Experiment.build(model=MODEL, pattern=pattern, **{**TEXT, **fields}),
        measurements=tuple(told),
        provenance=Provenance(source="nmviz"),
    )


def drawn(quality: str, **chosen: Any) -> dict[str, tuple[float, float | None, str]]:
    found = points(Asked(quality=quality, models=(MODEL,), **chosen))
    return {one.pattern: (one.value, one.error, one.no_error) for one in found}


def test_each_tail_is_a_quality_from_dense_down() -> None:
    tails = {name: one for name, one in QUALITIES.items() if one.of_tokens}
    assert set(tails) == {"kl_p99", "kl_p999", "delta_p_rms", "delta_p_p01"} <= set(TAILS)
    assert [name for name, one in tails.items() if one.higher] == ["delta_p_p01"]
    assert len({one.menu for one in QUALITIES.values() if one.origin == "measured"}) == 7
    for kl, pattern in ((0.4, "2:4"), (0.2, "8:16")):
        service.store().put(measured(pattern, kl))
    dense = (0.0, None, "")
    assert drawn("kl_p99") == {"2:4": (4.0, 0.4, ""), "8:16": (2.0, 0.2, ""), "dense": dense}
    assert drawn("kl_p999")["2:4"] == (8.0, None, REASON)
    frontier = {
        one.pattern: one.on_frontier
        for one in points(Asked(quality="delta_p_p01", models=(MODEL,), cost="multiply_adds"))
    }
    assert frontier == {"2:4": False, "8:16": True, "dense": True}, "-0.2 is better than -0.4"


def test_runs_that_lack_tails_are_counted_and_never_choose_the_text() -> None:
    asked = Asked(quality="kl_p99", models=(MODEL,), patterns=("2:4", "4:8"))
    for one in (
        measured("2:4", 0.5, tails=False, corpus="wikitext-2-validation"),
        measured("2:4", 0.5, tails=False, target="weight", criterion="wanda"),
        measured("8:16", 0.2, tails=False),
    ):
        service.store().put(one)
    assert lacking(asked) == 2 and drawn("kl_p99") == {}
    service.store().put(measured("4:8", 0.3, tails=False))
    assert lacking(asked) == 3
    service.store().put(measured("2:4", 0.4))
    assert lacking(asked) == 3 and set(drawn("kl_p99")) == {"2:4", "dense"}
    said = "3 runs were made before single tokens were looked at and left out:"
    assert without_tails(asked).startswith(said)
    assert without_tails(Asked(quality="kl", models=(MODEL,))) == ""
    few = Asked(quality="kl_p99", models=(MODEL,), patterns=("2:4",), criteria=("wanda",))
    assert lacking(few) == 1


def test_the_page_says_who_is_left_out_and_why_a_number_has_no_error() -> None:
    chosen = ([MODEL], ["2:4"], [], [], "h100", "bf16", "")
    service.store().put(measured("2:4", 0.4))
    for criterion in ("clact", "amber"):
        service.store().put(measured("2:4", 0.3, tails=False, criterion=criterion))
    said, plot, rows = answers.frontier("kl_p999", "bytes", *chosen)
    assert "runs were made before single tokens were looked at" in said
    assert plot is not None and REASON in unescape(rows)
    exported = json.loads(answers.exported("JSON", "kl_p999", "bytes", *chosen))["text"]
    (row,) = (one for one in json.loads(exported) if one["pattern"] == "2:4")
    assert row["standard error"] is None and row["why no standard error"] == REASON
    figure = draw_frontier(Asked(quality="kl_p999", models=(MODEL,), patterns=("2:4",)))
    assert any(REASON in text for trace in figure.data for text in trace.hovertext or ())
    assert figure.layout.yaxis.title.text.startswith("KL that 99.9% of tokens stay below")
