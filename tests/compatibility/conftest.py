"""The store, the files and the facts that a user of commit 8bff173 has."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from commands import in_process

OLD = Path(__file__).parent / "of_8bff173"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def old() -> Path:
    """The folder of what commit 8bff173 wrote."""
    return OLD


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores of these tests begin as the old one, not yet touched by today's code."""
    place = tmp_path_factory.mktemp("old") / "nmviz.sqlite"
    with closing(sqlite3.connect(place)) as connection:
        connection.executescript((OLD / "store.sql").read_text())
    return place


@pytest.fixture(scope="module")
def old_store(module_store: Path) -> Path:
    """The process's store is the old one, with its journal of failures beside it."""
    (journal,) = OLD.glob("nmviz.sqlite.*")
    shutil.copy(journal, module_store.with_name(journal.name.replace("nmviz", "store")))
    return module_store


@pytest.fixture
def command(
    old_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """`nmviz ARGUMENTS` in this process and in the folder of the old files: status, stdout, stderr.

    Texts have the hashes they had then, whatever the tests of this machine read.
    """
    monkeypatch.chdir(OLD)
    monkeypatch.delenv("NMVIZ_WIKITEXT2", raising=False)

    return in_process(monkeypatch, capsys)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `link`, `ran`, `overruled`, `question`, `said` or `endpoint` runs for each
    there is."""
    for name, (facts, names) in _each().items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, facts, ids=names)


def _each() -> dict[str, tuple[list[Any], list[str]]]:
    seen = json.loads((OLD / "seen.json").read_text())
    named = {
        "link": (seen["links"], [one["address"] or "none" for one in seen["links"]]),
        "ran": _named([one for one in seen["runs"] if not _overruled(one)]),
        "overruled": _named([one for one in seen["runs"] if _overruled(one)]),
        "question": (seen["experiments"], [one["query"] or "usual" for one in seen["experiments"]]),
    }
    for name, part in (("said", "commands"), ("endpoint", "endpoints")):
        named[name] = ([*seen[part].items()], [*seen[part]])
    return named


def _named(runs: list[dict[str, str]]) -> tuple[list[Any], list[str]]:
    return runs, [one["arguments"] for one in runs]


def _overruled(ran: dict[str, str]) -> bool:
    """Whether the same command asks for something else now: P% of a whole weight."""
    return "--target weight --pattern 50%" in ran["arguments"]


@pytest.fixture(scope="session")
def seen() -> dict[str, Any]:
    """What commit 8bff173 said of itself."""
    return dict(json.loads((OLD / "seen.json").read_text()))
