"""A sweep killed in its middle ten times and started again: nothing lost, nothing doubled.

Every try is a process of its own, killed with SIGKILL from outside. They are forked from a server
that has torch loaded and nothing computed, so that a start costs no import.
"""

import multiprocessing
import os
import random
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from nmviz import service
from nmviz.core.grids import parse_grid
from nmviz.service import schedules
from nmviz.store import seed
from nmviz.store.failures import Failures
from nmviz.store.store import Store

TESTS = Path(__file__).parents[1]
KILLS = 10
LOADED = [
    "nmviz.engine.measure.runner",
    "nmviz.service.sweep",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
    *("alembic.command", "numba_ready", "numba.typed"),  # else imported by every try
]
GRID = """
shared: {{model: "{model}", corpus: wikitext-2, tokens: 64, window: 32}}
grids:
  - {{target: weight, pattern: [1:4, 2:4, 8:16, 50%], criterion: [magnitude, random]}}
  - {{pattern: [1:4, 2:4, 4:8, 8:16, 16:32, 50%], criterion: [magnitude, wina, random]}}
"""
COUNT = 26
TEXT = "The river rises in spring, and two bridges join the market and the harbour. " * 20


@pytest.fixture(autouse=True)
def own_places(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text and a store of their own; the server that tries are forked from finds this folder."""
    (tmp_path / "wiki.test.raw").write_text(TEXT)
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(TESTS), prepend=os.pathsep)


def start(grid: str, folder: str, told: Connection, torn: bool) -> None:
    """What a try does: sweep the grid and tell of every event. With `torn` every result but the
    first stays in an open transaction for as long as the process lives.
    """
    import torch

    from nmviz.service.sweep import sweep

    os.environ["NMVIZ_WIKITEXT2"] = folder
    os.environ["NMVIZ_STORE_URL"] = f"sqlite:///{folder}/store.sqlite"
    seed.build = lambda *_, **__: None  # type: ignore[assignment,return-value]
    torch.set_num_threads(1)
    if torn:
        hold_the_second_write(told)
    for event in sweep(schedules.schedule(parse_grid(grid, "grid.yaml"))):
        told.send(type(event).__name__)
    told.send("end")


def hold_the_second_write(told: Connection) -> None:
    """Write a result in full, but never come to its commit: tell of it and wait to be killed."""
    from nmviz.store import writing

    writes: list[int] = []
    add = writing.add

    def add_and_wait(*arguments: object, **options: object) -> bool:
        done = add(*arguments, **options)  # type: ignore[arg-type]
        writes.append(1)
        while len(writes) > 1:
            told.send("torn")
            told.recv()
        return done

    writing.add = add_and_wait


def test_nothing_is_lost_or_doubled(tmp_path: Path, tiny_model: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    grid = GRID.format(model=tiny_model)
    drawn = random.Random(0)
    stored: list[int] = []
    for kill in range(KILLS):
        ours, theirs = context.Pipe()
        torn = kill % 3 == 2
        process = context.Process(target=start, args=(grid, str(tmp_path), theirs, torn))
        process.start()
        theirs.close()
        seen = wait(ours, "torn" if torn else None, drawn.randint(1, 30))
        process.kill()
        process.join()
        assert (process.exitcode, seen) == (-9, True), "it was killed, and before its end"
        stored.append(len(check_store(service.store())))
    assert stored == sorted(stored), "nothing is lost"
    assert 0 < stored[-1] < COUNT, "the kills were in the middle"
    finish(context, grid, tmp_path)
    assert len(check_store(service.store())) == COUNT
    assert schedules.schedule(parse_grid(grid, "grid.yaml")).to_do == ()
    assert Failures(service.store()).read() == {}, "a kill is no failure"
    assert seed.verify(service.store(), tmp_path) == []


def wait(told: Connection, what: str | None, events: int) -> bool:
    """Wait for an event of that name, or for so many of any; False when the sweep ended first."""
    count = 0
    while (said := told.recv()) != "end":
        count += 1
        if said == what or (what is None and count == events):
            return True
    return False


def check_store(store: Store) -> set[str]:
    """The keys that are stored, after it is seen that none is stored twice or in part."""
    found = store.find(own=True)
    keys = {result.key for result in found}
    assert len(keys) == len(found), "nothing is doubled"
    assert all(result.sites and result.get("perplexity") for result in found)
    return keys


def finish(context: multiprocessing.context.ForkServerContext, grid: str, folder: Path) -> None:
    ours, theirs = context.Pipe()
    process = context.Process(target=start, args=(grid, str(folder), theirs, False))
    process.start()
    theirs.close()
    assert not wait(ours, "never", 0)
    process.join()
    assert process.exitcode == 0
