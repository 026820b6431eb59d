"""What is copied into a bibliography says what CITATION.cff says."""

import re
from pathlib import Path

import yaml

import nmviz
from nmviz.views.shared.citing import bibtex, bibtex_of_paper, bibtex_of_tool

FILE = yaml.safe_load((Path(__file__).parents[2] / "CITATION.cff").read_text())
(PAPER,) = FILE["references"]


def fields(entry: str) -> dict[str, str]:
    """Field to value, without the braces that keep capitals."""
    found = re.findall(r"^  (\w+) = \{(.*)\},$", entry, re.MULTILINE)
    return {name: value.strip("{}") for name, value in found}


def test_the_paper_is_that_of_the_citation_file() -> None:
    said = fields(bibtex_of_paper())
    people = [f"{one['family-names']}, {one['given-names']}" for one in PAPER["authors"]]
    assert said["author"].split(" and ") == people and len(people) == 10
    assert (said["title"], said["url"]) == (PAPER["title"], PAPER["url"])
    assert int(said["year"]) == PAPER["year"]
    assert f"arXiv:{said['eprint']}" == PAPER["identifiers"][0]["value"]


def test_nmviz_is_cited_with_its_version_and_the_key() -> None:
    said = fields(bibtex_of_tool("a1" * 32))
    assert said["author"] == FILE["authors"][0]["name"]
    assert said["title"] == FILE["title"]
    assert said["version"] == str(FILE["version"]) == nmviz.__version__
    assert said["note"] == f"Result {'a1' * 32}"
    assert fields(bibtex_of_tool("a", "b"))["note"] == "Results a, b"
    assert "note" not in fields(bibtex_of_tool())


def test_both_entries_close_what_they_open() -> None:
    text = bibtex("abc")
    assert [line for line in text.splitlines() if line.startswith("@")] == [
        "@software{nmviz,",
        "@misc{alanova2025motivating,",
    ]
    for entry in text.split("\n\n"):
        assert entry.count("{") == entry.count("}") and entry.rstrip().endswith("}")
