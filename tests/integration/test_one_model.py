"""A local model is its content: however its path is typed, there is one key, and one answer."""

import json
import shutil
from pathlib import Path

import pytest

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.reading import Artefacts
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.service import schedules
from nmviz.sources import models
from nmviz.store import seed

pytestmark = pytest.mark.usefixtures("empty_store")


@pytest.fixture
def here(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tiny model in m/x, in which the process works."""
    shutil.copytree(tiny_model, tmp_path / "m" / "x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    return tmp_path


def experiment(model: object) -> Experiment:
    return Experiment.build(model=str(model), pattern="2:4")


def test_every_spelling_of_a_path_has_one_key(here: Path) -> None:
    (here / "link").symlink_to(here / "m")
    spellings = ("m/x", "./m/x", "m/../m/x", here / "m" / "x", here / "m" / "x" / ".", "link/x")
    resolved = [service.resolve(experiment(one)) for one in spellings]
    assert len({one.key for one in resolved}) == 1
    assert resolved[0].artefacts.model == models.identify("m/x")


def as_once(model: str, content: str) -> Result:
    """What a version that took the path as it was typed has stored."""
    read = service.resolve(experiment(model)).artefacts.corpus
    asked = experiment(model).but(artefacts=Artefacts(model=content, corpus=read))
    return Result(
        experiment=asked,
        measurements=(Measurement(metric="perplexity", value=19.0),),
        provenance=Provenance(source="nmviz", started="2026-05-01T00:00:00+00:00"),
    )


def test_what_was_stored_under_a_path_is_found_under_every_other(here: Path) -> None:
    old = as_once("m/x", models.identify("m/x"))
    service.store().put(old)
    shutil.copytree(here / "m" / "x", here / "moved")
    for spelling in ("m/x", here / "m" / "x", "moved", here / "moved"):
        found = service.lookup(experiment(spelling))
        assert found == old and found.key == old.key
    (progress,) = service.run([experiment("moved")])
    assert progress.from_store and progress.results == (old,)
    assert seed.verify(service.store(), here) == []


def test_a_sweep_counts_it_as_done(here: Path) -> None:
    from nmviz.core.grids import parse_grid

    old = as_once("m/x", models.identify("m/x"))
    service.store().put(old)
    grid = parse_grid(
        json.dumps({"grids": [{"model": [str(here / "m" / "x")], "pattern": ["2:4"]}]}), "grid"
    )
    plan = schedules.schedule(grid)
    assert plan.to_do == () and schedules.stored_results(plan) == [old]


def test_another_content_under_the_same_path_is_another_model(here: Path) -> None:
    before = service.resolve(experiment("m/x"))
    service.store().put(as_once("m/x", models.identify("m/x")))
    config = here / "m" / "x" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "rms_norm_eps": 1e-3}))
    assert service.resolve(experiment("m/x")).key != before.key
    assert service.lookup(experiment("m/x")) is None
