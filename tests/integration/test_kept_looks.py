"""Pictures of a layer for a prompt that ships are kept on disk, to the last bit."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.results import SiteLook
from nmviz.service import kept_looks, layers
from nmviz.ui.explore.panels import layer
from nmviz.ui.shell.view import DEFAULT_PROMPT, View

PROMPT = "The river rises."
WAYS = (
    {"pattern": "2:4"},
    {"pattern": "2:4", "target": "weight"},
    {"pattern": "50%", "mitigations": ("d-pts", "var"), "criterion": "clact"},
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> Any:
    def refuse() -> None:
        monkeypatch.setattr(layers, "load", lambda _: pytest.fail("a model was loaded"))

    return refuse


def looked(tiny: str, keep: bool = True, **way: Any) -> SiteLook:
    return service.look(Experiment(model=tiny, **way), PROMPT, 1, "down", columns=16, keep=keep)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_next_process_sees_the_same_without_a_model(
    tiny: str, way: dict[str, Any], no_model: Any
) -> None:
    made = looked(tiny, **way)
    no_model()
    assert equal(asdict(looked(tiny, **way)), asdict(made))


def test_another_question_is_another_picture(tiny: str, cache: Path) -> None:
    looked(tiny, pattern="2:4")
    looked(tiny, pattern="4:8")
    service.look(Experiment(model=tiny, pattern="2:4"), PROMPT, 0, "down", keep=True)
    assert len(list((cache / "looks").iterdir())) == 3


def test_a_spoiled_file_is_made_again(tiny: str, cache: Path) -> None:
    made = looked(tiny, pattern="2:4")
    [file] = (cache / "looks").iterdir()
    whole = file.read_bytes()
    for spoiled in (b"", b"not an archive", whole[: len(whole) // 2], whole.replace(b"PK", b"XX")):
        file.write_bytes(spoiled)
        assert equal(asdict(looked(tiny, pattern="2:4")), asdict(made))
        assert file.read_bytes() == whole


def test_a_disk_that_takes_nothing_is_no_failure(tiny: str, cache: Path) -> None:
    cache.mkdir()
    (cache / "looks").write_text("in the way")
    assert looked(tiny, pattern="2:4").kept == 0.5


def test_only_the_last_are_kept(
    tiny: str, cache: Path, monkeypatch: pytest.MonkeyPatch, no_model: Any
) -> None:
    monkeypatch.setattr(kept_looks, "MOST", 2)
    for pattern in ("1:4", "2:4", "4:8"):
        looked(tiny, pattern=pattern)
    assert len(list((cache / "looks").iterdir())) == 2
    no_model()
    looked(tiny, pattern="4:8")


def test_what_a_visitor_wrote_is_not_kept(tiny: str, cache: Path) -> None:
    view = View.build({"model": tiny, "block": "1", "projection": "down", "prompt": "My own words"})
    layer.look_at(view, "activation")
    assert not (cache / "looks").exists()
    of_ours = View.build({"model": tiny, "block": "1", "projection": "down"})
    assert of_ours.writing.prompt == DEFAULT_PROMPT
    layer.look_at(of_ours, "activation")
    assert len(list((cache / "looks").iterdir())) == 1
