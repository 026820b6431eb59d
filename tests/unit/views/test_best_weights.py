"""The best stored way to prune weights, in a sentence and from what ships."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import cost_difference, judge
from nmviz.core.results import Measurement, Result
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.store import Store, open_store
from nmviz.views.explore.best_weights import beside_the_best

Make = Callable[..., Any]
READ = {"model": "smollm2-135m", "corpus": "wikitext-2", "tokens": 8192, "pattern": "2:4"}


def cost(value: float, stderr: float | None = 0.03) -> tuple[Measurement, ...]:
    return (Measurement(metric="delta_nll", value=value, stderr=stderr, n=32),)


@pytest.fixture
def said(make_result: Make) -> Callable[..., str]:
    """The sentence for activations that cost 1.5, and weights that can be pruned for so much."""

    def say(best: float, stderr: float | None = 0.03, **given: Any) -> str:
        shown = {
            "activation": make_result("activation", measured=cost(1.5)),
            "weight": make_result("weight", measured=cost(4.0)),
        }
        other = make_result("weight", measured=cost(best, stderr)).model_copy(update=given)
        wanda = Experiment.build(target="weight", criterion="wanda")
        return beside_the_best(shown, other.model_copy(update={"experiment": wanda}))

    return say


def test_a_better_way_to_prune_weights_is_held_against_activations(said: Make) -> None:
    begins = "Weights can do better: of what is stored, wanda costs least, "
    assert said(1.2) == f"{begins}1.20 ± 0.03, less than activations, by 0.30 ± 0.04."
    assert said(2.2) == f"{begins}2.20 ± 0.03, more than activations, by 0.70 ± 0.04."
    assert said(1.52).endswith("0.02 ± 0.04 from activations, which is within the noise.")
    floor = NoiseFloor(of="pruned", kl=0.3, delta_nll=0.4, draws=3)
    below = said(1.2, noise_floors=(floor,))
    assert below.endswith("0.30 ± 0.04 from activations, which is below what rounding does.")


def test_nothing_is_said_where_the_best_is_shown_or_has_no_number(
    said: Make, make_result: Make
) -> None:
    shown = {"weight": make_result("weight", measured=cost(1.0))}
    assert beside_the_best(shown, shown["weight"]) == ""
    assert beside_the_best(shown, None) == ""
    assert said(float("inf")) == ""


def test_of_what_ships_the_one_that_costs_least_is_found(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(shipped) as store:
        monkeypatch.setattr("nmviz.service.comparing.rivals.store", lambda: store)
        weights = runs_of(store, target="weight")
        one, *_ = runs_of(store, target="activation", criterion="magnitude", mitigations=())
        best = service.best_weights({"activation": one})
        assert len(weights) > 3
        assert best is not None and best.key == min(weights, key=value).key
        apart = cost_difference(best, one)
        assert apart is not None
        verdict = judge(best, one) if apart.value > 0 else judge(one, best)
        said = {"real": f"{'less' if apart.value < 0 else 'more'} than activations"}
        wanted = said.get(verdict, "from activations, which is")
        assert wanted in beside_the_best({"activation": one}, best)


def runs_of(store: Store, **asked: Any) -> list[Result]:
    read = {**READ, "window": 512, "projections": None, "blocks": None, **asked}
    return [run for run in store.own_runs() if read.items() <= run.experiment.model_dump().items()]


def value(run: Result) -> float:
    cost = run.get("delta_nll")
    return float("inf") if cost is None else cost.value
