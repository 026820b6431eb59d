"""`nmviz store import` and `export` as typed: one line, and status 2 for a mistake."""

import csv
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Run, in_process
from foreign import lm_eval_document, log_document

from nmviz import service
from nmviz.store import open_store
from nmviz.store.transfer.exporting import export_file


@pytest.fixture
def run(
    own_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """`nmviz store ARGUMENTS` in this process: status, stdout, stderr."""

    return in_process(monkeypatch, capsys, "store")


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def dump(place: Path) -> list[str]:
    connection = sqlite3.connect(place)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_the_same_file_twice_adds_nothing(run: Run, own_store: Path, tmp_path: Path) -> None:
    for name, document in (("e.json", lm_eval_document()), ("log.json", log_document())):
        file = write(tmp_path / name, document)
        status, said, _ = run("import", file)
        assert status == 0 and said.startswith("1 result read: 1 added, 0 were there already.")
        before = dump(own_store)
        status, said, _ = run("import", file)
        assert status == 0 and said.startswith("1 result read: 0 added, 1 was there already.")
        assert said.count("\n") == 1
        assert dump(own_store) == before


@pytest.mark.parametrize(
    ("arguments", "content", "says"),
    [
        ((), '{"results": {}', "bad.json is no JSON"),
        ((), '{"experiment": {"pattern": "9:8"}, "measurements": []}', "bad.json, line 1"),
        ((), lm_eval_document() | {"date": "x"}, "bad.json at date: x is no number."),
        (("--format", "log"), lm_eval_document(), "bad.json at sparsity_type: it is missing."),
        (("--format", "lm-eval"), log_document(), "use --format log"),
        (("--format", "xml"), "", "Invalid value for '--format'"),
    ],
)
def test_a_broken_file_is_one_line_and_changes_nothing(
    run: Run,
    own_store: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    content: object,
    says: str,
) -> None:
    service.store()
    before = dump(own_store)
    status, said, mistake = run("import", write(tmp_path / "bad.json", content), *arguments)
    assert (status, said) == (2, "")
    assert says in mistake and mistake.count("\n") == 1
    assert dump(own_store) == before


def test_a_colleagues_export_comes_in_as_own_runs(
    run: Run, own_store: Path, tmp_path: Path
) -> None:
    file = tmp_path / "theirs.jsonl"
    status, said, _ = run("export", file)
    own = len(file.read_text().splitlines())
    assert (status, said) == (0, f"{own} results written to theirs.jsonl.\n")
    first = json.loads(file.read_text().splitlines()[0])
    first["provenance"]["started"] = "2026-05-01T00:00:00+00:00"
    status, said, _ = run("import", write(file, json.dumps(first)))
    assert said == "1 result read: 1 added, 0 were there already.\n"
    found = service.store().find(own=True, seeded=False)
    assert [result.provenance.started for result in found] == ["2026-05-01T00:00:00+00:00"]


def test_a_table_for_a_spreadsheet_with_decimal_commas(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "all.csv"
    run("export", table, "--all", "--separator", ";", "--decimal", ",")
    with table.open(newline="", encoding="utf-8") as file:
        values = [line["value"] for line in csv.DictReader(file, delimiter=";") if line["value"]]
    assert any("," in value for value in values) and not any("." in value for value in values)


def test_all_is_every_source_and_csv_has_a_line_a_number(run: Run, tmp_path: Path) -> None:
    own, everything = tmp_path / "own.jsonl", tmp_path / "all.jsonl"
    assert run("export", own)[0] == run("export", everything, "--all")[0] == 0
    sources = [json.loads(line)["provenance"]["source"] for line in everything.open()]
    assert set(sources) == {"nmviz", "arxiv-2509.22166v1", "authors-logs"}
    assert sources.count("nmviz") == len(own.read_text().splitlines())
    table = tmp_path / "all.csv"
    status, said, _ = run("export", table, "--all")
    with table.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert (status, said) == (
        0,
        f"{len(sources)} results, {len(lines)} lines written to all.csv.\n",
    )
    printed = [line for line in lines if line["source"] == "arxiv-2509.22166v1"]
    assert len(printed) == 1191
    assert all(line["printed"] and line["place"] for line in printed)
    assert [line["value"] for line in printed if line["printed"] == "OUT"] == [""] * sum(
        line["printed"] == "OUT" for line in printed
    )
    status, said, mistake = run("import", table)
    assert (status, said) == (2, "") and "for reading only" in mistake
    assert run("import", everything)[1].endswith(f"0 added, {len(sources)} were there already.\n")


def test_a_row_that_was_changed_is_found_and_is_status_1(run: Run, own_store: Path) -> None:
    assert run("verify") == (0, "Every key and every seeded row agrees.\n", "")
    with sqlite3.connect(own_store) as connection:
        (key,) = connection.execute("SELECT key FROM experiment LIMIT 1").fetchone()
        connection.execute("UPDATE experiment SET pattern = '1:2' WHERE key = ?", (key,))
    said = f"experiment {key[:12]} does not agree in pattern.\n"
    assert run("verify") == (1, said, "")


@pytest.mark.parametrize(
    ("name", "says"),
    [("own.txt", "ends in none of .jsonl, .csv and .zip"), ("no/own.csv", "cannot be written")],
)
def test_a_file_that_cannot_be_written_is_one_line(
    run: Run, tmp_path: Path, name: str, says: str
) -> None:
    status, said, mistake = run("export", tmp_path / name)
    assert (status, said) == (2, "")
    assert says in mistake and mistake.count("\n") == 1


def test_the_installed_command_imports(own_store: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "e.json", lm_eval_document())
    command = [sys.executable, "-m", "nmviz", "store", "import", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 result read: 1 added")
    with open_store(own_store) as store:
        assert export_file(store, tmp_path / "own.jsonl").endswith("written to own.jsonl.")
        (result,) = store.find(own=True, seeded=False)
    assert result.experiment.model == "example/small-1b"
