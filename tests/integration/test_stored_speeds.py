"""Measured speeds in the store: as printed, with source and doubt, checked against the files."""

import sqlite3
from pathlib import Path

import pytest

from nmviz import service
from nmviz.published.speeds.implausible import implausible
from nmviz.published.speeds.measured import read_measured
from nmviz.service.tradeoffs.cost import speeds
from nmviz.store import seed

PUBLISHED = Path(__file__).parents[2] / "results" / "published"


def test_every_ratio_of_the_files_is_in_the_store_as_printed(module_store: Path) -> None:
    rows = read_measured(PUBLISHED)
    found = speeds()
    assert set(found.rows) == set(rows) and len(found.rows) == 10_989
    assert found.doubts == implausible(rows)


def test_a_question_reads_its_own_rows_alone(module_store: Path) -> None:
    """The first row of 2:4 in speed-slidesparse.csv: a square of 64 on an A100 in BF16."""
    kind = {"machine": "a100", "dtype": "bf16", "phase": "product"}
    found = speeds(**kind, target="weight", pattern="2:4").rows
    first = found[0]
    assert (first.printed, first.ratio, first.dense, first.unit) == (
        "0.76",
        0.76,
        "4.32e+00",
        "microseconds",
    )
    assert "arXiv:2603.05232" in first.source and first.place.endswith("line 2")
    assert {(one.machine, one.dtype, one.phase, one.pattern) for one in found} == {
        ("a100", "bf16", "product", "2:4")
    }


@pytest.mark.parametrize(
    ("change", "differ"),
    [
        ("UPDATE speed SET ratio = 9 WHERE row = 2 AND pattern = '2:4'", 2),
        ("DELETE FROM speed WHERE row = 3", 8),
    ],
)
def test_a_ratio_that_is_not_as_in_the_files_is_found_and_mended(
    own_store: Path, change: str, differ: int
) -> None:
    with sqlite3.connect(own_store) as connection:
        connection.execute(change)
    connection.close()
    said = [one for one in seed.verify(service.store()) if "measured speeds" in one]
    wrong = "measured speeds are not as in the files: run nmviz store build."
    assert said == [f"{differ} {wrong}"]
    seed.build(service.store(), again=True)
    assert not any("measured speeds" in one for one in seed.verify(service.store()))
