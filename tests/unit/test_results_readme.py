"""results/README.md says of every source what results/published/sources.toml says."""

from dataclasses import astuple
from math import isclose, sqrt

import pytest

from nmviz.published import read_names, read_results, read_sources
from nmviz.store.database import results_folder

FOLDER = results_folder()
assert FOLDER is not None
PUBLISHED = FOLDER / "published"
README = (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("source", read_sources(PUBLISHED), ids=lambda source: source.id)
def test_the_readme_cites_every_source_in_full(source) -> None:
    for said in astuple(source)[2:]:  # the id and the title are for programs and menus
        assert said.removeprefix("at the ") in README
    assert f"{source.id}.csv" in README


def test_every_file_of_the_folder_is_described() -> None:
    for file in PUBLISHED.iterdir():
        assert file.name in README


def test_the_logs_standard_errors_are_those_of_the_counts() -> None:
    results = read_results(PUBLISHED, read_names(PUBLISHED))
    logged = [m for r in results for m in r.measurements if m.stderr is not None]
    assert len(logged) == 160
    for number in logged:
        assert number.n is not None and number.stderr is not None
        binomial = sqrt(number.value * (1 - number.value) / (number.n - 1))
        assert isclose(number.stderr, binomial, rel_tol=1e-9)
