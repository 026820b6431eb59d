"""`nmviz bench`: what it prints. How fast anything is here is no test."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nmviz.base.benching import in_turns
from nmviz.base.cache import cache_dir
from nmviz.base.errors import UserError
from nmviz.cli import timed_commands
from nmviz.cli.benches import BENCHES
from nmviz.core.grids import read_grid

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nmviz", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_benchmark_prints_one_object_with_its_ratios() -> None:
    done = bench("masks", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["bench"] == "masks"
    assert told["machine"]["cores"] >= 1
    product, *others = told["rows"]
    assert (product["case"], product["ratio"]) == ("product", 1.0)
    assert len(others) == 12
    for row in told["rows"]:
        assert set(row) == {"case", "seconds", "low", "high", "ratio", "against"}
        assert 0 < row["low"] <= row["seconds"] <= row["high"]
        assert row["against"] == "product"


def test_every_benchmark_is_listed() -> None:
    listed = bench("--list").stdout
    assert all(name in listed for name in BENCHES)


def test_an_unknown_one_is_refused_in_one_line() -> None:
    done = bench("mask")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "did you mean masks" in done.stderr
    assert done.stderr.count("\n") == 1


def test_cases_take_turns_and_the_first_turns_do_not_count() -> None:
    called: list[str] = []
    cases = {name: lambda name=name: called.append(name) for name in ("a", "b")}
    rows = list(in_turns(cases, "b", warm_up=1, repeats=2))
    assert called == ["a", "b"] * 3
    assert [row.case for row in rows] == ["a", "b"]
    assert rows[1].ratio == pytest.approx(1)


def test_the_sweeps_that_are_timed_are_grids(tmp_path: Path) -> None:
    here = timed_commands.Checkout("here", tmp_path, tmp_path)
    there = timed_commands.Checkout("the other checkout", tmp_path, tmp_path)
    cases = timed_commands._sweeps([here, there], tmp_path)
    counts = {name: int(name.rpartition(" ")[2]) for name in cases}
    assert list(counts.values()) == [24, 12, 24, 6]
    for name, count in counts.items():
        file = tmp_path / f"{name.partition(',')[0]}-{name.split()[-3]}.yaml"
        made, left_out = read_grid(file).experiments()
        assert (len(made), left_out) == (count, [])
        assert {(one.tokens, one.window) for one in made} == {(8192, 512)}


@pytest.mark.real  # the text is fetched on first use
def test_a_sweep_that_would_find_its_results_is_not_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = timed_commands.Checkout("here", ROOT, cache_dir())
    grid = tmp_path / "grid.yaml"
    monkeypatch.setattr(timed_commands, "CORPUS", "wiki-leads")
    for tokens, to_do in ((4096, 6), (2048, 0)):  # of the latter runs ship
        monkeypatch.setattr(timed_commands, "TOKENS", tokens)
        grid.write_text(timed_commands._yaml([{"criterion": ["magnitude"]}]), encoding="utf-8")
        plan = here.run(("sweep", str(grid), "--plan", "--json"))
        assert json.loads(plan.said)["counts"]["to_do"] == to_do
    with pytest.raises(UserError, match="here: of 6 only 0 would be measured"):
        here.sweep(grid, 6)


def test_a_command_takes_time_and_memory(tmp_path: Path) -> None:
    filled = [sys.executable, "-c", "held = b'x' * 200_000_000"]
    took = timed_commands.taken(filled, os.environ, tmp_path)
    assert took.seconds > 0 and took.peak > 200_000_000 and took.said == ""
    spoken = [sys.executable, "-c", "print(7)"]
    assert timed_commands.taken(spoken, os.environ, tmp_path).said.strip() == "7"
    wrong = [sys.executable, "-c", "raise ValueError('so it is')"]
    with pytest.raises(UserError, match="so it is"):
        timed_commands.taken(wrong, os.environ, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("masks", "--turns", "2"), "masks runs no commands: --against and --turns go with sweep"),
        (("memory", "--against", "."), "is no checkout of nmviz"),
        (("memory", "--turns", "0"), "--turns"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    given = [str(tmp_path) if one == "." else one for one in arguments]
    done = bench(*given)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr
