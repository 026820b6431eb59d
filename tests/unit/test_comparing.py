"""Two results side by side: differences, verdicts, and how a result is named."""

import json
from collections.abc import Callable, Iterator
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
from typer.testing import CliRunner

from nmviz.base.errors import UserError
from nmviz.cli.main import app
from nmviz.core.comparing.comparison import Compared, Row
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.pairing import covariance
from nmviz.core.reading import Artefacts
from nmviz.core.results import Measurement, Provenance, Result, SiteError, TaskExamples
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.service.comparing import two_results as comparing
from nmviz.store import Store, open_store

TEXT = "model=smollm2-135m&corpus=wikitext-2&tokens=8192&pattern=2:4"
WANDA, MAGNITUDE = f"{TEXT}&target=weight&criterion=wanda", f"{TEXT}&criterion=magnitude"
PIECES = ((1.0, 3.0, 1.2, 2.9, 1.1, 3.2), (1.05, 3.07, 1.24, 2.96, 1.14, 3.28))


def run(pieces: tuple[float, ...] = (), **given: Any) -> Result:
    """A run with what its pieces of text cost, and a KL."""
    fields = {"experiment": Experiment(), "provenance": Provenance(source="nmviz"), **given}
    measured = fields.pop("measured", ())
    if pieces:
        error = stdev(pieces) / sqrt(len(pieces))
        cost = Measurement(
            metric="delta_nll", value=mean(pieces), stderr=error, n=len(pieces), unit_of_n="windows"
        )
        kl = Measurement(metric="kl", value=mean(pieces), stderr=0.2, n=len(pieces))
        level = Measurement(metric="perplexity", value=10 * mean(pieces), stderr=1.0, n=6)
        measured = (level, cost, kl, *measured)
    return Result(measurements=measured, unit_costs=pieces, **fields)


def row(a: Result, b: Result, metric: str, task: str | None = None) -> Row:
    found = [one for one in Compared(a, b).rows if (one.a.metric, one.a.task) == (metric, task)]
    assert len(found) == 1
    return found[0]


def test_a_cost_is_compared_in_pairs_and_other_figures_are_not() -> None:
    a, b = map(run, PIECES)
    apart = [one - other for one, other in zip(*PIECES, strict=True)]
    cost = row(a, b, "delta_nll")
    assert cost.paired and cost.verdict == "real" and cost.difference is not None
    assert cost.difference.value == pytest.approx(mean(apart))
    assert cost.difference.stderr == pytest.approx(stdev(apart) / sqrt(6))
    kl = row(a, b, "kl")
    assert not kl.paired and kl.verdict == "not told apart" and kl.difference is not None
    assert kl.difference.stderr == pytest.approx(sqrt(2) * 0.2)
    level = row(a, b, "perplexity")  # its verdict is the cost's, known in pairs
    assert level.verdict == "real" and level.difference is not None
    assert level.difference.stderr is None and "cost decides" in level.why


def test_a_difference_that_rounding_alone_makes_is_none() -> None:
    a, b = map(run, PIECES)
    floor = NoiseFloor(of="pruned", kl=0.3, delta_nll=0.4, draws=3)
    rough = b.model_copy(update={"noise_floors": (floor,)})
    for metric in ("delta_nll", "perplexity", "kl"):
        assert row(a, rough, metric).verdict == "below the noise floor"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"experiment": Experiment.build(tokens=4096)}, "tokens differ"),
        ({"experiment": Experiment.build(corpus="wikitext-2", window=256)}, "corpus and window"),
        ({"experiment": Experiment.build(model="gemma-3-270m")}, "different models"),
        ({"provenance": Provenance(source="arxiv")}, "different sources"),
        ({"experiment": Experiment(artefacts=Artefacts(corpus="b" * 64))}, "text of one name"),
    ],
)
def test_figures_of_another_text_are_not_compared(other: dict[str, Any], why: str) -> None:
    both = Compared(run(PIECES[0]), run(PIECES[1], **other))
    assert len(both.rows) == 3
    for one in both.rows:
        assert one.verdict == "not comparable" and one.difference is None and why in one.why


def examples(right: str, digest: str = "0" * 64) -> dict[str, Any]:
    n = len(right)
    level = right.count("1") / n
    return {
        "measured": (Measurement(metric="acc", task="piqa", value=level, stderr=0.1, n=n),),
        "examples": (TaskExamples(task="piqa", metric="acc", right=right, digest=digest),),
        "experiment": Experiment.build(tasks="piqa", limit=n),
    }


def test_accuracies_are_compared_example_by_example() -> None:
    a, b = run(**examples("1" * 12)), run(**examples("1" * 4 + "0" * 8))
    found = row(a, b, "acc", "piqa")
    assert found.paired and found.verdict == "real" and found.difference is not None
    assert found.difference.value == pytest.approx(8 / 12)
    fewer = run(**examples("1" * 9 + "0" * 3))
    assert row(a, fewer, "acc", "piqa").verdict == "not told apart"  # p = 0.25
    others = run(**examples("1" * 4 + "0" * 8, "f" * 64))
    assert row(a, others, "acc", "piqa").verdict == "not comparable"


def test_published_accuracies_of_one_source_are_compared_as_independent() -> None:
    fields = examples("1" * 6 + "0" * 6) | {"examples": (), "provenance": Provenance(source="p")}
    printed = Measurement(metric="acc", task="piqa", value=0.9, stderr=0.01, n=1838)
    better = run(**{**fields, "measured": (printed,)})
    found = row(better, run(**fields), "acc", "piqa")
    assert not found.paired and found.verdict == "real"
    own = run(**{**fields, "provenance": Provenance(source="nmviz")})
    assert row(better, own, "acc", "piqa").verdict == "not comparable"


def test_layers_of_one_model_are_set_side_by_side() -> None:
    def site(name: str, error: float) -> SiteError:
        return SiteError(name=name, block=0, projection=name, rel_error=error, kept=0.5)

    a = run(PIECES[0], sites=(site("q", 0.2), site("k", 0.3)))
    b = run(PIECES[1], sites=(site("q", 0.1), site("down", 0.4)))
    told = [one.to_json() for one in Compared(a, b).sites]
    assert told == [
        {"site": "q", "a": 0.2, "b": 0.1, "difference": pytest.approx(0.1)},
        {"site": "k", "a": 0.3, "b": None, "difference": None},
        {"site": "down", "a": None, "b": 0.4, "difference": None},
    ]
    other = b.model_copy(update={"experiment": Experiment.build(model="gemma-3-270m")})
    assert Compared(a, other).sites == ()


@pytest.fixture
def ships(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with open_store(shipped) as store:
        monkeypatch.setattr("nmviz.service.comparing.two_results.store", lambda: store)
        monkeypatch.setattr("nmviz.service.runs.store", lambda: store)
        yield store


def test_a_result_is_named_by_key_link_or_settings(ships: Store) -> None:
    one = comparing.found(MAGNITUDE)
    assert (one.experiment.target, one.experiment.criterion) == ("activation", "magnitude")
    assert comparing.found(one.key).key == comparing.found(one.key[:12]).key == one.key
    link = f"https://some.where/?tab=explore&{TEXT}&block=3&prompt=A+river&utm_source=x"
    assert comparing.found(link).key == one.key
    assert comparing.found(f"{link}&weight_criterion=wanda").key == one.key
    weights = comparing.found(f"{link}&weight_criterion=wanda&criterion=clact&target=weight")
    assert weights.experiment.criterion == "wanda"
    assert comparing.found(one.experiment).key == one.key


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("some words", "is no key and no link"),
        ("0" * 12, "No stored result has the key 000000000000"),
        ("pattern=2:4&colour=red", "No setting is called 'colour'"),
        ("pattern=5:4", "5:4"),
        (f"{TEXT}&seed=77", "was not run on that text"),
    ],
)
def test_what_names_nothing_gets_a_sentence(ships: Store, name: str, why: str) -> None:
    with pytest.raises(UserError, match=why) as caught:
        comparing.found(name)
    assert str(caught.value).endswith(".")


def test_published_results_are_found_by_their_key(ships: Store) -> None:
    published = next(one for one in ships.find(sites=False) if one.provenance.source != "nmviz")
    assert comparing.found(published.key).key == published.key


def test_the_command_says_what_the_service_does(
    ships: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = comparing.compare(WANDA, MAGNITUDE)
    ran = CliRunner().invoke(app, ["compare", WANDA, MAGNITUDE, "--json"])
    told = json.loads(ran.stdout)
    assert told == both.to_json()
    assert {one["metric"] for one in told["rows"]} <= {one.name for one in METRICS.values()}
    cost = next(one for one in told["rows"] if one["metric"] == "delta_nll")
    assert cost["paired"] == (covariance(both.a, both.b) is not None)
    assert cost["verdict"] == "real"
    assert cost["difference"] == pytest.approx(cost["a"] - cost["b"])
    assert len(told["sites"]) == 210
    lines = CliRunner().invoke(app, ["compare", WANDA, MAGNITUDE]).stdout.splitlines()
    assert lines[0].startswith(f"A  {both.a.key[:12]}") and "  real" in "\n".join(lines)


def test_a_text_and_tasks_have_nothing_in_common(ships: Store, make_key: Callable[[], str]) -> None:
    with pytest.raises(UserError, match="no figure in common"):
        comparing.compare(MAGNITUDE, make_key())


@pytest.fixture
def make_key(ships: Store) -> Callable[[], str]:
    """The key of a shipped run of tasks."""
    runs = ships.find(sites=False, source="nmviz", target="weight")
    return lambda: next(one.key for one in runs if one.experiment.tasks)
