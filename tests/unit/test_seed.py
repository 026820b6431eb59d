"""Seeding ends in the same state however often it runs, and never touches a user's own runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from databases import rows_in
from sqlalchemy import text as sql

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.store import Store, open_store, seed
from nmviz.store.seed import BuildReport, build, verify
from nmviz.store.transfer.jsonl import read_jsonl, write_jsonl


def make(value: float = 19.0, pattern: str = "8:16", started: str | None = None) -> Result:
    return Result(
        experiment=Experiment(pattern=pattern),
        measurements=(Measurement(metric="perplexity", value=value, n=4),),
        provenance=Provenance(source="nmviz", started=started),
    )


A, B, C = make(pattern="2:4"), make(pattern="8:16"), make(pattern="16:32")


@pytest.fixture
def store(address: str):
    with open_store(address) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results" / "runs").mkdir(parents=True)
    ship(tmp_path / "results", A, B)
    return tmp_path / "results"


def ship(folder: Path, *results: Result, name: str = "first.jsonl") -> None:
    write_jsonl(results, folder / "runs" / name)


def change(store: Store, statement: str) -> None:
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":
            statement = statement.replace("9e999", "'Infinity'")
        assert connection.execute(sql(statement)).rowcount > 0


def test_build_is_idempotent(store: Store, folder: Path, monkeypatch) -> None:
    assert build(store, folder) == BuildReport(added=2, replaced=0, removed=0, kept=0)
    assert store.find(seeded=True, own=False) == [A, B]
    monkeypatch.setattr(seed, "read_packed", None)  # unchanged files are not even parsed
    assert build(store, folder) == BuildReport(added=0, replaced=0, removed=0, kept=2)
    monkeypatch.undo()
    assert build(store, folder, again=True) == BuildReport(0, 0, 0, kept=2)
    assert store.find() == [A, B]
    assert verify(store, folder) == []


def test_changed_files_replace_add_and_remove(store: Store, folder: Path) -> None:
    build(store, folder)
    ship(folder, newer := make(20.0, pattern="2:4"), C)
    assert build(store, folder) == BuildReport(added=1, replaced=1, removed=1, kept=0)
    assert store.find() == [newer, C]
    (folder / "runs" / "first.jsonl").unlink()
    assert build(store, folder) == BuildReport(added=0, replaced=0, removed=2, kept=0)
    assert store.find() == []


def test_changed_code_reads_unchanged_files_again(
    store: Store, folder: Path, tmp_path: Path, monkeypatch
) -> None:
    code = tmp_path / "tables.py"
    code.write_text("before")
    monkeypatch.setattr(seed, "_code", lambda: [code])
    build(store, folder)
    monkeypatch.setattr(seed, "_read_published", lambda _: [C])  # the same files, read otherwise
    assert build(store, folder).added == 0
    code.write_text("after")
    assert build(store, folder) == BuildReport(added=1, replaced=0, removed=0, kept=2)


def test_all_code_that_reads_what_ships_counts() -> None:
    code = "import nmviz.store.seed, sys; print(*[m.__file__ for n, m in sys.modules.items() "
    code += "if n.partition('.')[0] == 'nmviz'], sep=chr(10))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    used = {Path(line).resolve() for line in done.stdout.split()}
    assert {"tables.py", "names.py", "records.py", "authors_logs.py"} <= {
        file.name for file in seed._code()
    }
    assert len(used) > 20 and used <= {file.resolve() for file in seed._code()}


def test_nothing_stays_behind_a_removed_result(store: Store, folder: Path, address: str) -> None:
    build(store, folder)
    (folder / "runs" / "first.jsonl").unlink()
    build(store, folder)
    for table in ("experiment", "result", "measurement", "artefact", "result_artefact"):
        assert rows_in(address, table) == 0


def test_a_users_runs_survive_whatever_the_files_do(store: Store, folder: Path) -> None:
    own = make(21.0, pattern="2:4", started="2026-05-01T00:00:00Z")
    store.put(own)
    store.put(B)  # the very record that ships
    assert build(store, folder) == BuildReport(added=2, replaced=0, removed=0, kept=0)
    assert store.find(own=True) == [B, own]  # the oldest first: of B no time is known
    ship(folder, C)
    assert build(store, folder) == BuildReport(added=1, replaced=0, removed=2, kept=0)
    assert store.find() == [C, B, own]
    assert verify(store, folder) == []


def test_a_seeded_record_that_is_put_becomes_the_users_too(store: Store, folder: Path) -> None:
    build(store, folder)
    assert store.put(A) is False
    ship(folder, C)
    build(store, folder)
    assert store.find(own=True) == [A]


def test_get_prefers_the_newer_and_then_the_user(store: Store, folder: Path) -> None:
    shipped = make(1.0, started="2026-03-01T00:00:00Z")
    ship(folder, shipped)
    older, same, newer = (
        make(value, started=f"2026-0{month}-01T00:00:00+00:00")
        for value, month in ((2.0, 2), (3.0, 3), (4.0, 4))
    )
    store.put(older)
    build(store, folder)
    assert store.get(shipped.key) == shipped
    store.put(same)
    assert store.get(shipped.key) == same
    store.put(newer)
    assert store.get(shipped.key) == newer


def test_the_newest_is_the_same_for_whoever_asks(store: Store, folder: Path) -> None:
    older, shipped, newer = (
        make(value, started=f"2026-0{month}-01T00:00:00Z")
        for value, month in ((2.0, 2), (3.0, 3), (4.0, 4))
    )
    same = make(5.0, started=shipped.provenance.started)
    ship(folder, shipped)
    for one in (newer, same, older):  # as an import adds them
        store.put(one)
    build(store, folder)
    found = store.find(key=shipped.key)
    assert found == [older, shipped, same, newer] == store.history(shipped.key)[::-1]
    assert {result.key: result for result in found} == {shipped.key: store.get(shipped.key)}


def test_one_record_in_two_files_is_one_row(store: Store, folder: Path) -> None:
    ship(folder, A, name="second.jsonl")
    assert build(store, folder).added == 2
    assert build(store, folder).kept == 2


def test_without_a_folder_nothing_changes(store: Store, folder: Path, monkeypatch) -> None:
    build(store, folder)
    assert build(store, folder / "missing").kept == 2
    monkeypatch.setattr(seed, "results_folder", lambda: None)
    assert build(store).kept == 2
    assert verify(store) == []


BROKEN = {
    "cut": ('{"experiment":', "Invalid JSON"),
    "not an object": ("[1]", "Input should be an object"),
    "not a number": ('"value":NaN', "not finite"),
    "too large": ('"value":1e999', "not finite"),
    "text for a number": ('"value":"19 or so"', "valid number"),
    "partial": ('"partial":true,"measurements"', "partial"),
    "unknown field": ('"other":1,"measurements"', "is not known here"),
    "unknown method": ('"criterion":"magnitud"', "did you mean magnitude"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_line_is_named_and_changes_nothing(
    store: Store, folder: Path, tmp_path: Path, case: str
) -> None:
    build(store, folder)
    text, reason = BROKEN[case]
    write_jsonl([A], tmp_path / "good.jsonl")
    good = (tmp_path / "good.jsonl").read_text().strip()
    name = (
        text.rpartition('"')[0].rpartition('"')[2] if case in ("partial", "unknown field") else ""
    )
    old = {"value": '"value":19.0', "criterion": '"criterion":"magnitude"'}
    if name:
        line = good.replace('"measurements"', text)
    elif text.startswith('"'):
        line = good.replace(old[text.split('"')[1]], text)
    else:
        line = text
    assert line != good
    (folder / "runs" / "second.jsonl").write_text(f"{good}\n\n{line}\n")
    for refuse in (build, verify):
        with pytest.raises(UserError, match=r"second\.jsonl, line 3 is no result: ") as error:
            refuse(store, folder)
        assert reason in str(error.value) and "\n" not in str(error.value)
    assert store.find() == [A, B]


def test_a_line_that_is_not_utf8(folder: Path) -> None:
    file = folder / "runs" / "latin.jsonl"
    file.write_bytes(b'{"experiment": "\xe9"}\n')
    with pytest.raises(UserError, match=r"latin\.jsonl, line 1 is no result: it is not UTF-8"):
        read_jsonl(file)


def test_a_written_file_is_whole_or_not_there(tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    assert write_jsonl([A, B], target) == 2
    before = target.read_bytes()
    with pytest.raises(ValueError, match="partial"):
        write_jsonl([C, A.model_copy(update={"partial": True})], target)
    with pytest.raises(UserError, match="cannot be written"):
        write_jsonl([A], tmp_path / "missing" / "out.jsonl")
    with pytest.raises(UserError, match="cannot be read"):
        read_jsonl(tmp_path / "missing.jsonl")
    assert target.read_bytes() == before
    assert [json.loads(line)["experiment"]["pattern"] for line in before.splitlines()] == [
        "2:4",
        "8:16",
    ]
    assert list(tmp_path.iterdir()) == [target]


DAMAGE = {
    "UPDATE experiment SET \"window\" = 256 WHERE pattern = '2:4'": "does not agree in window",
    "UPDATE experiment SET canonical = replace(canonical, '2:4', '1:4')": "does not agree in",
    "UPDATE experiment SET canonical = replace(canonical, 'magnitude', 'x')": "cannot be read",
    "UPDATE measurement SET value = value + 1e-12 WHERE result_id = 1": "in content_hash",
    "UPDATE measurement SET value = 9e999 WHERE result_id = 1": "cannot be checked",
    "UPDATE result SET provenance = '{' WHERE id = 1": "result 1 cannot be read",
    "UPDATE result SET started = '2026' WHERE id = 1": "does not agree in started",
    "DELETE FROM result WHERE id = 1": "is not in the store",
    "UPDATE result SET seeded = false, own = true WHERE id = 1": "is not in the store",
}


@pytest.mark.parametrize("statement", DAMAGE)
def test_verify_finds_what_was_changed(store: Store, folder: Path, statement: str) -> None:
    build(store, folder)
    change(store, statement)
    problems = verify(store, folder)
    assert any(DAMAGE[statement] in problem for problem in problems)
    assert all("\n" not in problem for problem in problems)


@pytest.mark.parametrize(
    "statement", [statement for statement in DAMAGE if "experiment" not in statement]
)
def test_building_again_mends_seeded_results(store: Store, folder: Path, statement: str) -> None:
    build(store, folder)
    change(store, statement)
    build(store, folder, again=True)
    assert verify(store, folder) == []
    assert {result.experiment.pattern for result in store.find()} == {"2:4", "8:16"}


def test_building_again_mends_a_result_that_is_the_users_too(store: Store, folder: Path) -> None:
    store.put(A)
    store.put(C)
    build(store, folder)
    change(store, "UPDATE measurement SET value = 1 WHERE result_id = 1")
    assert store.find(own=True) != [A, C]
    assert build(store, folder, again=True).replaced == 1
    assert verify(store, folder) == []
    assert sorted(store.find(own=True), key=repr) == sorted([A, C], key=repr)
    assert sorted(store.find(seeded=True), key=repr) == sorted([A, B], key=repr)


def test_verify_finds_files_that_changed(store: Store, folder: Path) -> None:
    build(store, folder)
    ship(folder, A, C)
    problems = verify(store, folder)
    assert len(problems) == 2
    assert "of the files is not in the store" in problems[0]
    assert "in no file" in problems[1]
