"""A sweep over two nodes of which little stays alive: workers are killed, a node goes and another
comes, the driver is killed and begun again. Nothing is lost, nothing doubled, and the numbers are
those of a plain sweep.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import Nodes, cluster, skip_without, wait_until
from databases import believed_built, rows_in
from postgres import Server

from nmviz import service
from nmviz.core.grids import parse_grid
from nmviz.service import schedules
from nmviz.service.sweep import sweep
from nmviz.store import open_store, seed

GRID = """
shared: {{model: "{model}", corpus: wikitext-2, window: 32,
  tokens: ["32", "64", "96", "128", "160", "192", "224", "256", "288", "320"]}}
grids:
  - {{target: weight, pattern: [2:4, 8:16]}}
  - {{pattern: [2:4, 8:16]}}
"""
COUNT, GROUPS = 40, 20
KILLS = 10
DRIVERS_KILLED_AT = (3, 7)
NODE_REMOVED_AT, NODE_ADDED_AT = 4, 6
TEXT = "The river rises in spring, and two bridges join the market and the harbour. " * 40


@pytest.fixture(autouse=True)
def own_places(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text and a store of their own."""
    skip_without()
    (tmp_path / "wiki.test.raw").write_text(TEXT)
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    """An empty database, in which what ships is not looked for."""
    with postgres.new_database() as made:
        believed_built(made)
        yield made


class Driver:
    """The command, as a process that may be killed and begun again."""

    def __init__(self, grid: Path, nodes: Nodes, url: str) -> None:
        told = ("--on", "ray", "--address", nodes.address, "--workers", "2", "--json")
        self._command = [sys.executable, "-m", "nmviz", "sweep", str(grid), *told]
        self._environment = {**os.environ, "NMVIZ_STORE_URL": url}
        self._log = grid.with_name("driver.log")
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=log, env=self._environment
            )

    def kill_and_start(self) -> None:
        assert self._process.poll() is None, self._log.read_text()
        self._process.kill()
        self._process.wait()
        self.start()

    def end(self) -> dict[str, int]:
        """What it says in the end, once it has come to it."""
        out, _ = self._process.communicate(timeout=300)
        assert self._process.returncode == 0, self._log.read_text()
        return dict(json.loads(out)["counts"])


def next_worker(nodes: Nodes, killed: set[int]) -> int:
    """The process of a worker that was not killed yet, once there is one."""
    wait_until(lambda: nodes.workers().keys() - killed, "a worker lives")
    return min(nodes.workers().keys() - killed)


def test_whatever_dies_every_result_is_there_once(
    tiny_model: Path, tmp_path: Path, url: str
) -> None:
    text = GRID.format(model=tiny_model)
    grid = tmp_path / "grid.yaml"
    grid.write_text(text)
    drawn, killed = random.Random(0), set[int]()
    with cluster() as nodes:
        gone = nodes.add()
        driver = Driver(grid, nodes, url)
        while len(killed) < KILLS:
            worker, stored = next_worker(nodes, killed), rows_in(url, "result")
            if len(killed) % 2:  # in the middle of what comes behind a group that ended
                wait_until(lambda: rows_in(url, "result") > stored, "a group has ended")  # noqa: B023
            else:
                time.sleep(drawn.uniform(0, 1))
            try:
                os.kill(worker, 9)
            except ProcessLookupError:  # with its driver or its node
                continue
            killed.add(worker)
            assert rows_in(url, "result") < COUNT, "the kills are in the middle"
            if len(killed) in DRIVERS_KILLED_AT:
                driver.kill_and_start()
            if len(killed) == NODE_REMOVED_AT:
                nodes.remove(gone)
            if len(killed) == NODE_ADDED_AT:
                nodes.add()
        counts = driver.end()
    assert counts == {"done": COUNT, "to_do": 0, "failed": 0, "left_out": 0}
    list(sweep(schedules.schedule(parse_grid(text, "grid.yaml"))))
    plain = {result.key: result for result in service.store().find(own=True)}
    with open_store(url) as store:
        found = store.find(own=True)
        assert seed.verify(store, tmp_path) == []
    assert len(found) == COUNT and {result.key for result in found} == plain.keys()
    for result in found:
        assert result.measurements == plain[result.key].measurements
        assert result.sites == plain[result.key].sites
