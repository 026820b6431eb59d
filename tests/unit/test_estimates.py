"""How long a run takes, worked out by hand from earlier ones."""

from typing import Any

import pytest

from nmviz.core.experiment import Experiment
from nmviz.core.provenance import STREAMED, machine
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.core.running import Running
from nmviz.core.site_errors import SAMPLED_ERRORS
from nmviz.service.estimates import estimate as estimate_from
from nmviz.service.estimates import passes
from nmviz.service.schedules import QUICK

HERE = {**machine(), "threads": 2}
PLAIN = Experiment.build(pattern="2:4", tokens=1000, window=500)


def estimate(experiments: list[Experiment], runs: list[Result]) -> float | None:
    return estimate_from(experiments, passes(runs))


def ran(experiment: Experiment, seconds: float, started: str, **changes: Any) -> Result:
    made = {"source": "nmviz", "started": started, "seconds": seconds, "machine": HERE, **changes}
    found = (Measurement(metric="perplexity", value=20.0),)
    return Result(experiment=experiment, measurements=found, provenance=Provenance(**made))


def test_a_dense_pass_is_shared_by_those_measured_together() -> None:
    together = [ran(PLAIN, 30.0, "1"), ran(PLAIN.but(pattern="8:16"), 30.0, "1")]  # 3 passes
    assert estimate([PLAIN], together) == pytest.approx(10.0 * 2)
    assert estimate([PLAIN.but(tokens=4000)] * 3, together) == pytest.approx(40.0 * 4)


def test_a_noise_floor_takes_three_more_passes_of_every_model() -> None:
    made = passes([ran(PLAIN, 20.0, "1")])  # 2 passes of 10 s
    asked = Running(noise_floor=True)
    assert estimate_from([PLAIN], made, asked) == pytest.approx(10.0 * (1 + 3 + 1 + 3))


def test_the_most_alike_is_taken_then_the_newest() -> None:
    longer = ran(PLAIN.but(pattern="8:16", tokens=2000), 20.0, "5")
    weight, var = PLAIN.but(target="weight"), PLAIN.but(mitigations="var")
    runs = [
        ran(PLAIN, 20.0, "1"),
        ran(PLAIN.but(pattern="8:16"), 40.0, "2"),
        ran(weight, 100.0, "3"),
        ran(var, 60.0, "4"),
    ]
    assert estimate([PLAIN], runs) == pytest.approx(40.0)
    assert estimate([PLAIN], [*runs, longer]) == pytest.approx(40.0)
    assert estimate([PLAIN], [longer]) == pytest.approx(10.0)
    assert estimate([weight], runs) == pytest.approx(100.0)
    assert estimate([PLAIN.but(criterion="wina")], runs) == pytest.approx(60.0)


def test_what_no_run_tells_of_is_not_known() -> None:
    wanda = Experiment.build(target="weight", criterion="wanda")
    elsewhere = ran(PLAIN, 20.0, "1", machine={**HERE, "cores": 1000})
    assert estimate([PLAIN], [elsewhere]) is None
    assert estimate([PLAIN], [ran(PLAIN.but(model="gemma-3-270m"), 20.0, "1")]) is None
    assert estimate([wanda, PLAIN], [ran(PLAIN, 20.0, "1")]) is None
    assert estimate([PLAIN], [ran(PLAIN, 20.0, "1", settings={STREAMED: "by blocks"})]) is None


def test_random_ties_are_read_five_times() -> None:
    weight = PLAIN.but(target="weight")
    drawn = ran(weight.but(ties="random"), 60.0, "1")  # a dense pass, and five
    many = Measurement(metric="tie_share", value=0.5)
    drawn = drawn.model_copy(update={"measurements": (*drawn.measurements, many)})
    assert estimate([weight.but(ties="random")], [drawn]) == pytest.approx(60.0)
    assert estimate([weight.but(ties="index")], [drawn]) == pytest.approx(20.0)
    assert estimate([weight], [drawn]) == pytest.approx(60.0)
    assert estimate([PLAIN], [drawn]) == pytest.approx(20.0)


def test_runs_on_another_device_say_nothing() -> None:
    there = ran(PLAIN, 20.0, "1", device="cuda")
    assert estimate([PLAIN], [there]) is None
    assert estimate_from([PLAIN], passes([there]), Running(device="cuda")) == pytest.approx(20.0)


def test_errors_of_layers_taken_in_the_same_way_come_first() -> None:
    exact = ran(PLAIN, 40.0, "2")
    sampled = ran(PLAIN, 20.0, "1", settings={SAMPLED_ERRORS: "one of 32 tokens"})
    other_method = ran(PLAIN.but(criterion="wina"), 90.0, "3")
    runs = passes([sampled, exact, other_method])
    assert estimate_from([PLAIN], runs, Running()) == pytest.approx(40.0)
    assert estimate_from([PLAIN], runs, Running(exact_errors=False)) == pytest.approx(20.0)
    assert estimate_from([PLAIN.but(criterion="wina")], runs, QUICK) == pytest.approx(90.0)
