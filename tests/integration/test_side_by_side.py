"""Several sweeps on one PostgreSQL: no experiment is measured twice at the same time."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from clusters import wait_until
from databases import believed_built
from postgres import Server

from nmviz import service
from nmviz.core.grids import Grid, parse_grid
from nmviz.core.running import Running
from nmviz.service import schedules
from nmviz.service import sweep as sweeping
from nmviz.service.sweep import ELSEWHERE, Outcome, Working, sweep
from nmviz.store import Store, open_store
from nmviz.store.alone import taking

TEXT = "The river rises in spring, and two bridges join the market and the harbour. " * 20
GRID = """
shared: {{model: "{model}", corpus: wikitext-2, tokens: 64, window: 32}}
grids: [{{pattern: [2:4, 8:16]}}, {{target: weight, pattern: [2:4, 8:16]}}]
"""
HOLDER = """
import sys
from nmviz.store import open_store
from nmviz.store.alone import taking
with taking(open_store(sys.argv[1]), ["one", "two"]) as own:
    print(*sorted(own), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def url(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The process's store is an empty PostgreSQL."""
    (tmp_path / "wiki.test.raw").write_text(TEXT)
    with postgres.new_database() as made:
        believed_built(made)
        monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))
        monkeypatch.setenv("NMVIZ_STORE_URL", made)
        monkeypatch.setattr(sweeping, "PAUSE", 0.01)
        service.store.cache_clear()
        yield made
        service.store().close()
        service.store.cache_clear()


@pytest.fixture
def other(url: str) -> Iterator[Store]:
    """The same store as another process opens it."""
    with open_store(url) as store:
        yield store


@pytest.fixture
def grid(tiny_model: Path) -> Grid:
    return parse_grid(GRID.format(model=tiny_model), "grid.yaml")


def test_what_one_has_taken_no_other_gets(url: str, other: Store) -> None:
    with (
        taking(service.store(), ["one", "two", "one"]) as own,
        taking(other, ["two", "three"]) as its,
    ):
        assert (own, its) == ({"one", "two"}, {"three"})
    with taking(other, ["one", "two", "three"]) as its:
        assert its == {"one", "two", "three"}


def test_a_holder_that_is_killed_lets_go(url: str, other: Store) -> None:
    told = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(told, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "one two\n"
        with taking(other, ["two", "three"]) as own:
            assert own == {"three"}
        holder.kill()
        holder.wait()

    def is_free() -> bool:
        with taking(other, ["one", "two"]) as own:
            return own == {"one", "two"}

    wait_until(is_free, "the server has seen that the connection ended")


def test_a_sweep_leaves_to_another_what_that_measures(url: str, other: Store, grid: Grid) -> None:
    schedule = schedules.schedule(grid)
    taken = schedule.groups[0][0].key, *(one.key for one in schedule.groups[1])
    measured_by_other = schedule.groups[1][0]
    *_, ran = service.run([measured_by_other], how=Running(keep=False, exact_errors=False))
    ended: list[Outcome] = []
    with ExitStack() as held:
        held.enter_context(taking(other, taken))
        for event in sweep(schedule):
            if isinstance(event, Outcome):
                ended.append(event)
            elif isinstance(event, Working) and event.progress.stage == ELSEWHERE:
                assert [one.experiment for one in ended] == [schedule.groups[0][1]]
                other.put(ran.results[0])
                held.close()
    assert {one.experiment.key for one in ended} == {one.key for one in schedule.to_do}
    assert [one.experiment for one in ended if one.elsewhere] == [measured_by_other]
    assert len(service.store().find(own=True)) == len(schedule.to_do) == 4


def test_a_lock_that_was_lost_doubles_nothing(url: str, other: Store, grid: Grid) -> None:
    """While a group is measured another sweep stores the same, having found it free."""
    schedule = schedules.schedule(grid)
    *_, ran = service.run(schedule.groups[0], how=Running(keep=False, exact_errors=False))
    stored: list[bool] = []
    for event in sweep(schedule):
        if isinstance(event, Working) and event.group == schedule.groups[0] and not stored:
            stored += [other.put(result) for result in ran.results]
    assert stored == [True, True]
    assert len(service.store().find(own=True)) == len(schedule.to_do)
