"""Exactly the rows shown, as CSV, JSON and LaTeX."""

import csv
import io
import json
from pathlib import Path

import pytest

from nmviz.core.experiment import Experiment
from nmviz.published import read_names, read_results
from nmviz.published.audit import Finding
from nmviz.published.listing import Row, Selection, rows, to_csv, to_json, to_latex
from nmviz.published.listing.export import escape

FOLDER = Path(__file__).parents[2] / "results/published"


@pytest.fixture(scope="module")
def found() -> list[Row]:
    names = read_names(FOLDER)
    asked = Selection(metric="perplexity", places=("Table 9",), order="least")
    return rows(read_results(FOLDER, names), names, {}, asked)


def odd(**fields) -> Row:
    finding = Finding("id_", "made", "100% & more_\n\\input{x}", "", "proved", "", ())
    told = {
        "experiment": Experiment(),
        "model": "=cmd|' /C calc'!A0",
        "method": "a_b & {c} 50% $x$ #1 ~ ^ \\end{longtable}",
        "metric": "perplexity",
        "task": "<b>",
        "value": 1.5,
        "stderr": None,
        "stderr_from": 'not known: "quoted", with\na line',
        "how": "printed",
        "source": "s",
        "place": "Table 1",
        "printed": "-0.33",
        "marks": (finding,),
    }
    return Row(**{**told, **fields})


def test_csv_has_a_line_a_row_and_an_empty_cell_for_out(found: list[Row]) -> None:
    read = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert len(read) == len(found)
    for line, row in zip(read, found, strict=True):
        assert (line["model"], line["method"], line["place"]) == (row.model, row.method, row.place)
        assert line["value"] == ("" if row.value is None else str(row.value))
        assert line["printed"] == row.printed
        assert line["key"] == row.experiment.key
    assert read[-1]["printed"] == "OUT"


def test_csv_keeps_odd_text_and_starts_no_formula() -> None:
    (line,) = csv.DictReader(io.StringIO(to_csv([odd()])))
    assert line["model"] == "'=cmd|' /C calc'!A0"
    assert line["printed"] == "-0.33"  # a number is no formula
    assert line["stderr_from"] == odd().stderr_from


def test_json_reads_back(found: list[Row]) -> None:
    read = json.loads(to_json(found))
    assert [one["value"] for one in read] == [row.value for row in found]
    assert read[0]["unit"] == ""
    assert json.loads(to_json([odd()]))[0]["findings"] == ["id_"]


def test_latex_has_a_line_a_row_between_the_rules(found: list[Row]) -> None:
    text = to_latex(found, "A & B")
    body = text.partition(r"\endhead")[2].partition(r"\bottomrule")[0]
    assert body.count(r"\\") == len(found)
    assert {line.count("&") for line in body.strip().splitlines()} == {6}
    assert text.count("Every row: perplexity.") == 1
    assert text.count(r"\caption{A \& B}") == 1
    first, _, rest = text.partition(r"\endfirsthead")
    assert r"\caption" in first and r"\caption" not in rest
    assert first.count(r"\midrule") == rest.count(r"\midrule") == 1
    assert "OUT (above a cut-off) & --" in text


def test_latex_says_once_what_all_rows_share() -> None:
    text = to_latex([odd(task="mean over a, b"), odd(task="mean over a, b")])
    body = text.partition(r"\endhead")[2].partition(r"\bottomrule")[0]
    assert "mean over" not in body and "Layers" not in text
    assert text.count("Every row: mean over a, b.") == 1
    assert r"\begin{longtable}{lllrrl}" in text
    apart = to_latex([odd(), odd(task="a")])
    assert "Every row" not in apart and r"\begin{longtable}{llllrrl}" in apart


def test_latex_escapes_everything() -> None:
    text = to_latex([odd()])
    assert text.count(r"\end{longtable}") == 1
    assert r"a\_b \& \{c\} 50\% \$x\$ \#1" in text
    assert r"\textless{}b\textgreater{}" in text
    assert r"1.50" not in text  # what is printed stays as it is printed
    assert r"$-$0.33\textsuperscript{\textdagger}" in text
    shown, comment = text.splitlines()[-2:]
    assert shown == (
        r"\par\noindent{\footnotesize \textsuperscript{\textdagger} The audit has a finding: "
        r"\texttt{id\_}.\par}"
    )
    assert comment.startswith("% dagger: id_: proved: 100% & more_ \\input{x}")
    assert "footnotesize Live: another model" in to_latex([odd(live=True, marks=())])
    assert "finding" not in to_latex([odd(marks=())])
    assert escape("\\") == r"\textbackslash{}"


def test_no_rows_are_no_rows() -> None:
    assert to_csv([]).count("\n") == 1
    assert json.loads(to_json([])) == []
    assert to_latex([]).count(r"\\") == 1
