"""Tables: every digit in CSV and JSON, LaTeX that compiles, bold only where it is real."""

import csv
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from commands import Run, in_process

from nmviz.base.errors import UserError
from nmviz.service import store
from nmviz.service.comparing.two_results import found
from nmviz.service.tables.catalogue import TABLES, table
from nmviz.views.tables.table import Number, Table
from nmviz.views.tables.writing import table_as, to_html, to_latex

pytestmark = pytest.mark.usefixtures("module_store")
EIGHT, TWO, WEIGHTS = "pattern=8:16", "pattern=2:4", "pattern=8:16&target=weight"
OF_TASKS = "3875cb875e07"
"""A result without layers."""
OF = {
    "results": (EIGHT, TWO, WEIGHTS),
    "compare": (EIGHT, TWO),
    "layers": (EIGHT, WEIGHTS),
    "published": ("patterns=2:4&methods=ACT,WT&metric=perplexity",),
    "frontier": (),
}
SMALL = Table(
    "small",
    "A small one",
    ("name", "cost", "count"),
    (
        ("a_b & c", Number(1.23456, 0.0321), Number(12)),
        ("100%", Number(0.51, 0.2, best=True), Number(7)),
        ("#", Number(3.0), None),
    ),
)


def test_every_table_has_a_case() -> None:
    assert set(OF) == set(TABLES)


@pytest.mark.parametrize("name", OF)
def test_the_csv_is_the_json_is_the_table(name: str) -> None:
    made = table(name, OF[name])
    told = json.loads(table_as(made, "json"))
    lines = list(csv.DictReader(io.StringIO(table_as(made, "csv"))))
    assert len(told) == len(lines) == len(made.rows) > 0
    for row, one, line in zip(made.rows, told, lines, strict=True):
        assert list(one) == list(line)
        for head, cell in zip(made.columns, row, strict=True):
            if isinstance(cell, Number):
                assert one[head] == cell.value == float(line[head])
                assert one.get(f"{head} stderr") == cell.stderr
            elif one[head] is not None:
                assert one[head] == (cell or "")


@pytest.mark.parametrize("name", OF)
def test_the_latex_has_as_many_cells_as_columns(name: str) -> None:
    text = to_latex(table(name, OF[name]))
    spec = re.search(r"begin{tabular}{(.*)}\n", text)
    assert spec
    wide = len(re.sub(r"@{[^}]*}", "", spec[1]))
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    for line in filter(None, body.strip().splitlines()):
        assert line.endswith(r" \\") and len(re.split(r"(?<!\\)&", line)) == wide, line
        assert line.count("{") == line.count("}")
    assert "longtable" not in text


def test_numbers_are_rounded_by_their_errors_and_the_best_is_bold() -> None:
    lines = [line for line in to_latex(SMALL).splitlines() if line.endswith(r"\\")]
    assert lines == [
        r"name & \multicolumn{2}{c}{cost} & count \\",
        r"a\_b \& c & 1.23 & 0.03 & 12 \\",
        r"100\% & \textbf{0.51} & 0.20 & 7 \\",
        r"\# & \multicolumn{1}{r}{3.00} &  &  \\",
    ]
    html = to_html(SMALL)
    assert "<td>a_b &amp; c</td><td class='number'>1.23 ± 0.03</td>" in html
    assert "<b>0.51 ± 0.20</b>" in html


def test_units_stand_below_the_names() -> None:
    first, second, *_ = to_latex(table("results", (EIGHT,))).splitlines()[3:]
    assert r"\multicolumn{2}{c}{perplexity} & \multicolumn{2}{c}{delta nll} & " in first
    assert r" & \multicolumn{2}{c}{} & \multicolumn{2}{c}{(nats a token)} & " in second


def test_what_is_beyond_a_limit_is_said() -> None:
    beyond = next(one for one in store().find(source="arxiv-2509.22166v1") if one.censored)
    made = table("results", (beyond.key,))
    assert any("perplexity: OUT; " in note for note in made.notes)
    assert not any("±" in note for note in made.notes), "none of its numbers has an error"


def test_best_is_only_what_beats_all_others_for_certain() -> None:
    bold = {
        c.value for row in table("results", (EIGHT, TWO, WEIGHTS)).rows for c in row[1:-1] if c.best
    }
    eight = found(EIGHT)
    assert eight.get("delta_nll").value in bold and eight.get("kl").value in bold
    same = table("results", (EIGHT, EIGHT))
    assert not any(cell.best for row in same.rows for cell in row[1:-1])


def test_a_published_number_keeps_its_printed_form() -> None:
    choice = "patterns=2:4&methods=WT&models=llama3.1-8b&places=Table 2"
    assert r" & 33.63\% & Table 2 & " in to_latex(table("published", (choice,)))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex to compile with")
def test_every_table_compiles_in_two_columns(tmp_path: Path) -> None:
    made = {name: to_latex(table(name, of)) for name, of in OF.items()}
    tables = "\n".join(rf"\begin{{table*}}\tiny {text}\end{{table*}}" for text in made.values())
    packages = r"\usepackage[T1]{fontenc}\usepackage{booktabs}\usepackage{textcomp}"
    whole = (
        rf"\documentclass[twocolumn]{{article}}{packages}\begin{{document}}{tables}\end{{document}}"
    )
    (tmp_path / "a.tex").write_text(whole, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize(
    ("name", "of", "said"),
    [
        ("nothing", (), "There is no table 'nothing': choose one of results"),
        ("results", (), "The table results is of 1 to 20 that are named, not of 0"),
        ("compare", (EIGHT,), "The table compare is of 2 that are named, not of 1"),
        ("results", ("ffffffffff",), "No stored result has the key"),
        ("layers", (OF_TASKS,), "The table layers would be empty"),
        ("published", ("nothing",), "Choose published rows as in"),
        ("published", ("patterns=3:5",), "No published number is left"),
        ("published", ("colour=red",), "Rows are not chosen by 'colour'"),
    ],
)
def test_a_mistake_is_one_sentence(name: str, of: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError) as caught:
        table(name, of)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_the_command_writes_and_prints_tables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run: Run = in_process(monkeypatch, capsys, "table")
    status, out, _ = run("compare", EIGHT, TWO)
    assert (status, out.splitlines()[0]) == (
        0,
        "figure,A,A stderr,B,B stderr,A minus B,A minus B stderr,taken,verdict",
    )
    file = tmp_path / "a.tex"
    assert run("results", EIGHT, TWO, "--out", file)[0] == 0
    assert file.read_text().startswith("% Results")
    for arguments, said in (
        (("results", EIGHT, "--out", tmp_path / "a.docx"), "A table is not written as '.docx'"),
        (("results", EIGHT, "--out", tmp_path / "no" / "a.csv"), "cannot be written"),
    ):
        status, out, err = run(*arguments)
        assert (status, out) == (2, "") and said in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [file]
