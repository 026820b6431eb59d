"""A store of commit 8bff173 opens with all that is in it, and its files are read and written as
they were."""

import csv
import hashlib
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.cli.printing import run_text
from nmviz.core.reading import Artefacts
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.store import open_store, seed
from nmviz.store.failures import Failures
from nmviz.store.records import pack
from nmviz.store.transfer.exporting import export_file
from nmviz.store.transfer.importing import import_file

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def path(shipped: Path, tmp_path: Path) -> Path:
    """A copy of the old database."""
    return Path(shutil.copy(shipped, tmp_path / "nmviz.sqlite"))


@pytest.fixture
def exported(old: Path) -> list[dict[str, Any]]:
    """The lines of the old export, as plain JSON."""
    return [json.loads(line) for line in (old / "export.jsonl").open(encoding="utf-8")]


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_the_old_store_is_as_its_commit_wrote_it(path: Path, seen: dict[str, Any]) -> None:
    found = rows(path, "SELECT key, canonical FROM experiment")
    assert len(found) > 10
    assert all(hashlib.sha256(text.encode()).hexdigest() == key for key, text in found)
    assert {key for key, _ in found} >= {one["key"] for one in seen["runs"]}
    assert rows(path, "SELECT version_num FROM alembic_version") == [("0004",)]


def test_every_result_is_found_by_its_key_with_its_numbers(
    path: Path, exported: list[dict[str, Any]]
) -> None:
    keys = dict(rows(path, "SELECT content_hash, experiment_key FROM result"))
    with open_store(path) as store:
        assert store.note is None
        for line in exported:
            content = hashlib.sha256(_text(line).encode()).hexdigest()
            result = next(r for r in store.history(keys[content]) if _is_of(r, line))
            for told in ("measurements", "sites", "drift", "examples", "censored"):
                there = [one.model_dump(mode="json") for one in getattr(result, told)]
                assert _all_hold(there, line.get(told, []))
            assert list(result.unit_costs) == line.get("unit_costs", [])
            assert _holds(result.provenance.model_dump(mode="json"), line["provenance"])
            assert _holds(result.experiment.model_dump(mode="json"), line["experiment"])


def _text(line: dict[str, Any]) -> str:
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _is_of(result: Result, line: dict[str, Any]) -> bool:
    made = result.provenance
    return (made.source, made.started) == (
        line["provenance"]["source"],
        line["provenance"].get("started"),
    )


def _holds(there: Any, told: Any) -> bool:
    """Whether everything that was told is there; what is there may have more names."""
    if isinstance(told, dict):
        return all(name in there and _holds(there[name], one) for name, one in told.items())
    return bool(there == told)


def _all_hold(there: list[dict[str, Any]], told: list[dict[str, Any]]) -> bool:
    return len(there) == len(told) and all(map(_holds, there, told))


def test_content_hashes_are_the_same(path: Path, seen: dict[str, Any]) -> None:
    with open_store(path) as store:
        assert sorted(pack(result).digest for result in store.find()) == seen["content_hashes"]


def test_verify_agrees_once_what_ships_is_there(path: Path, seen: dict[str, Any]) -> None:
    with open_store(path) as store:
        assert seed.build(store).added > 100
        assert seed.verify(store) == []
        own = {pack(result).digest for result in store.find(own=True)}
        assert own == set(seen["content_hashes"])
        assert seed.build(store, again=True).added == 0


def test_exporting_again_writes_the_same_bytes(path: Path, old: Path, tmp_path: Path) -> None:
    with open_store(path) as store:
        export_file(store, tmp_path / "again.jsonl", everything=True)
    assert (tmp_path / "again.jsonl").read_bytes() == (old / "export.jsonl").read_bytes()


def test_the_table_for_reading_has_the_same_cells(
    path: Path, old: Path, seen: dict[str, Any], tmp_path: Path
) -> None:
    with open_store(path) as store:
        export_file(store, tmp_path / "again.csv", everything=True)
    first = (old / "export.csv").read_text(encoding="utf-8")
    columns = next(csv.reader(io.StringIO(first)))
    again = io.StringIO()
    writer = csv.DictWriter(again, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    with (tmp_path / "again.csv").open(newline="", encoding="utf-8") as file:
        writer.writerows(csv.DictReader(file))
    assert again.getvalue().startswith(first)
    assert hashlib.sha256(again.getvalue().encode()).hexdigest() == seen["csv_sha256"]


def test_an_old_export_is_read_into_a_new_store(
    path: Path, old: Path, seen: dict[str, Any], tmp_path: Path
) -> None:
    with open_store(tmp_path / "new.sqlite") as store:
        report = import_file(store, old / "export.jsonl")
        assert report.read == report.added == len(seen["content_hashes"])
        assert sorted(pack(result).digest for result in store.find()) == seen["content_hashes"]
    with open_store(path) as store:
        assert import_file(store, old / "export.jsonl").added == 0


def test_an_old_command_is_answered_from_the_old_store(
    command: Command, ran: dict[str, str], exported: list[dict[str, Any]]
) -> None:
    arguments = [one for one in ran["arguments"].split() if one != "--rerun"]
    status, said, _ = command("run", "--json", *arguments)
    told = json.loads(said)
    assert (status, told["key"]) == (0, ran["key"])
    (line,) = (
        line
        for line in exported
        if line["provenance"].get("started") == told["provenance"]["started"]
        and _holds(told["experiment"], line["experiment"])
    )
    assert _all_hold(told["measurements"], line["measurements"])
    for name, default in (("sites", ["rel_error", "kept", "name"]), ("drift", ["block", "drift"])):
        wanted = [{key: one[key] for key in default} for one in line.get(name, [])]
        assert _all_hold(told[name], wanted)
    assert told["unit_costs"] == line.get("unit_costs", [])
    assert _holds(told["provenance"], line["provenance"])


def test_a_result_under_a_rule_of_before_is_there_and_answers_no_new_run(
    command: Command, old_store: Path, overruled: dict[str, str]
) -> None:
    key = overruled["key"]
    with open_store(old_store) as store:
        kept = store.get(key)
    assert kept is not None and kept.key == key
    assert kept.experiment.dropping == "every tie"
    assert "every tie at the cut dropped" in run_text(kept, from_store=True)
    now = kept.experiment.but(dropping="exact")
    assert now.key != key and '"dropping":"exact"' in now.canonical_json()
    assert service.lookup(now.but(artefacts=Artefacts())) is None
    with pytest.raises(UserError, match="ask for the experiment anew"):
        list(service.run([kept.experiment], how=Running(rerun=True)))


@pytest.mark.real  # a plan makes sure that the text is there
def test_an_old_grid_goes_on_where_it_was(
    command: Command, old: Path, seen: dict[str, Any]
) -> None:
    status, said, _ = command("sweep", "--plan", "--json", old / "grid.yaml")
    assert status == 0
    told, then = json.loads(said), seen["plan"]
    assert _holds(told, {name: then[name] for name in ("counts", "done", "to_do")})
    assert _all_hold(told["failed"], then["failed"])
    assert [one["what"] for one in told["left_out"]] == [one["what"] for one in then["left_out"]]


def test_the_journal_of_failures_is_read(old_store: Path, seen: dict[str, Any]) -> None:
    with open_store(old_store) as store:
        found = Failures(store).read()
    assert {key: one.tries for key, one in found.items()} == {
        one["key"]: one["tries"] for one in seen["plan"]["failed"]
    }
