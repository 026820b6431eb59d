"""`nmviz bench`: what it prints. How fast anything is here is no test."""

import json
import subprocess
import sys

import pytest

from nmviz.base.benching import in_turns
from nmviz.cli.benches import BENCHES


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
