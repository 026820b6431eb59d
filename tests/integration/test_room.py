"""Memory that does not do: told beforehand from sizes where it can be, else in one sentence."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from nmviz.base import memory
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate import calibration
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.look import capture
from nmviz.engine.measure import dense, evaluate, room
from nmviz.engine.measure.runner import Run
from nmviz.engine.write.generate import Sampling, generate

TEXT = "The river rises in spring. Two bridges join the market and the harbour. " * 60


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load(str(tiny_model))


def measured(loaded: LoadedModel) -> None:
    list(Run(loaded, [Experiment.build(pattern="2:4", window=64, tokens=640)], TEXT))


def test_windows_that_cannot_fit_are_refused_before_anything_is_read(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = loaded.model.config
    # 512 tokens at once, two scores of every word, 3 blocks of 64, a fifth on top
    least = int(1.2 * 4 * 512) * (2 * config.vocab_size + 3 * 64)
    monkeypatch.setattr(dense, "_make", lambda *_: pytest.fail("a pass was begun"))
    monkeypatch.setattr(room, "memory_left", lambda: least - dense.PASSES.size - 1)
    with pytest.raises(UserError) as refusal:
        measured(loaded)
    assert str(refusal.value) == (
        "Windows of 64 tokens of tiny take 3 MB of memory at least, and 3 MB are left: shorten the "
        "window."
    )
    monkeypatch.undo()
    monkeypatch.setattr(room, "memory_left", lambda: least)
    measured(loaded)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("std::bad_alloc"),
    ],
)
@pytest.mark.parametrize(
    ("place", "work"),
    [
        ((evaluate, "logits"), measured),
        ((dense, "logits"), measured),
        ((calibration.PrunedActivations, "finish"), measured),
        ((capture, "logits"), lambda loaded: capture.make_capture(loaded, "A river")),
        (
            (LoadedModel, "model"),
            lambda loaded: list(generate(loaded, [], "A river", Sampling(4), Event())),
        ),
    ],
)
def test_memory_that_runs_out_is_one_sentence(
    loaded: LoadedModel,
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[Any, str],
    work: Callable[[LoadedModel], Any],
    error: Exception,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    dense.PASSES.clear()
    replaced = property(full) if place[1] == "model" else full
    monkeypatch.setattr(*place, replaced, raising=False)
    with pytest.raises(UserError, match=r"^The memory of this machine does not do for this with"):
        work(loaded)


LEFT = """
import resource
from nmviz.base.memory import memory_left
before = memory_left()
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
print(before, memory_left())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is told by Linux")
def test_a_limit_of_address_space_counts() -> None:
    done = subprocess.run([sys.executable, "-c", LEFT], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert 0 < after < 2**30 and after < before


def test_a_control_group_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "memory.max": "1000",
        "memory.current": "700",
        "memory.stat": "file 9\ninactive_file 50\n",
    }
    for name, text in told.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert memory.memory_left() == 350
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.memory_left() != 350


def test_nothing_is_refused_where_nobody_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: LoadedModel
) -> None:
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    monkeypatch.setattr(memory, "PROC", tmp_path)
    assert memory.memory_left() is None
    measured(loaded)
