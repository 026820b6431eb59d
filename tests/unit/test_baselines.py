"""N:M beside blocks left out: what is equal in cost, who is ahead, and what is not known."""

from typing import Any

import pytest

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.published.listing.row import OWN_SOURCE
from nmviz.service.tradeoffs import baselines
from nmviz.service.tradeoffs.baselines import Compared, compared, sentence
from nmviz.service.tradeoffs.point import Point

MODEL = "smollm2-135m"


def point(cost: float, value: float, error: float, **pruned: Any) -> Point:
    made = Experiment.build(model=MODEL, **pruned)
    return Point(MODEL, MODEL, made, "by hand", value, error, cost, OWN_SOURCE, "")


def beside(monkeypatch: pytest.MonkeyPatch, *found: Point) -> tuple[Compared, ...]:
    monkeypatch.setattr(baselines, "points", lambda asked: found)
    return compared(MODEL)


def test_the_best_run_of_a_pattern_stands_beside_the_best_of_equal_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Equal is within 5 points of dense: 64.9 is beside 60, 65.1 is not."""
    best = point(60, 1.0, 0.03, pattern="2:4")
    worse = point(60, 2.0, 0.03, pattern="2:4", criterion="random")
    near = point(64.9, 4.0, 0.04, target="blocks", drop=15)
    nearer = point(61, 5.0, 0.04, target="blocks", drop=15, by="last")
    far = point(65.1, 0.5, 0.04, target="blocks", drop=14)
    (one,) = beside(monkeypatch, worse, best, nearer, near, far)
    assert one.masked is best and one.blocks is near
    assert (one.difference, one.ahead) == (-3.0, "N:M")


@pytest.mark.parametrize(
    ("value", "ahead"), [(1.04, "tied"), (0.96, "tied"), (1.06, "blocks left out"), (0.9, "N:M")]
)
def test_what_differs_by_less_than_its_error_is_tied(
    monkeypatch: pytest.MonkeyPatch, value: float, ahead: str
) -> None:
    dropped = point(60, 1.0, 0.04, target="blocks", drop=15)
    (one,) = beside(monkeypatch, point(60, value, 0.03, pattern="2:4"), dropped)
    assert one.ahead == ahead


def test_without_a_run_of_equal_cost_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    found = beside(monkeypatch, point(60, 1.0, 0.03, pattern="2:4"))
    assert found[0].ahead == "not known" and "it is not known" in sentence(found, "bytes")


def test_the_sentence_counts_who_is_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = point(60, 1.0, 0.0, target="blocks", drop=15)
    masked = {"2:4": 0.5, "4:8": 1.0, "8:16": 1.5, "16:32": 0.6}
    every = [point(60, value, 0.0, pattern=name) for name, value in masked.items()]
    found = beside(monkeypatch, dropped, *every)
    said = sentence(found, "multiply_adds")
    assert "leaving blocks out in 2 of 4 comparisons, more in 1, and 1 are tied" in said


def test_only_a_share_of_dense_can_be_equal() -> None:
    with pytest.raises(UserError, match="as shares of dense: choose multiply-adds"):
        compared(MODEL, "energy")
