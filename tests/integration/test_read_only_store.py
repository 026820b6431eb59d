"""A store that cannot be written is shown and kept as it is; nothing says where it lies."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from alembic.command import upgrade
from commands import in_process
from migrating import migrate
from other_user import unwritable

from nmviz import service
from nmviz.base.errors import StorageError, UserError, without_places
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.store import database, open_store, seed, snapshot
from nmviz.ui.shell.failures import sentence

pytestmark = pytest.mark.usefixtures("read_once")
OLD_ROWS = Path(__file__).with_name("rows_of_version_1.sql")


def make(value: float = 19.0, **experiment: Any) -> Result:
    return Result(
        experiment=Experiment(**experiment),
        measurements=(Measurement(metric="perplexity", value=value),),
        provenance=Provenance(source="nmviz", started="2026-05-01T00:00:00+00:00"),
    )


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that other users can read, all the way up; pytest's own cannot be."""
    made = Path(tempfile.mkdtemp(prefix="read-only-"))
    made.chmod(0o777)
    (made / "kept").mkdir(mode=0o777)
    (made / "cache").mkdir()
    (made / "cache").chmod(0o777)
    monkeypatch.setenv("NMVIZ_CACHE", str(made / "cache"))
    yield made / "kept"
    shutil.rmtree(made)


@pytest.fixture
def path(folder: Path) -> Path:
    """A store with one run of the user's own."""
    place = folder / "nmviz.sqlite"
    with open_store(place) as store:
        store.put(make())
    return place


@contextmanager
def left_log(path: Path) -> Iterator[None]:
    """The run lies in a log that a killed process left, and its index is gone."""
    beside = path.with_name("other.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE measurement SET value = 21.0")
        connection.commit()
        for ending in ("", "-wal"):
            shutil.copy(f"{path}{ending}", f"{beside}{ending}")
    for ending in ("", "-wal"):
        Path(f"{beside}{ending}").rename(f"{path}{ending}")
    with unwritable(path, Path(f"{path}-wal"), path.parent):
        yield


@contextmanager
def open_elsewhere(path: Path) -> Iterator[None]:
    """Another process has it open, and what it wrote last is in its log."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE measurement SET value = 21.0")
        connection.commit()
        beside = [Path(f"{path}{ending}") for ending in ("-wal", "-shm")]
        with unwritable(path, *beside, path.parent):
            yield


WAYS: dict[str, tuple[str, Callable[[Path], Any], float]] = {
    "file": ("{path}", lambda path: unwritable(path), 19.0),
    "folder": ("{path}", lambda path: unwritable(path.parent), 19.0),
    "both": ("{path}", lambda path: unwritable(path, path.parent), 19.0),
    "ro": ("file:{path}?mode=ro&uri=true", lambda _: nullcontext(), 19.0),
    "immutable": ("file:{path}?immutable=1&uri=true", lambda _: nullcontext(), 19.0),
    "log": ("{path}", left_log, 21.0),
    "in use": ("{path}", open_elsewhere, 21.0),
}


def written(folder: Path) -> dict[str, bytes]:
    """Every file, but for the marks that readers leave in the index of a log."""
    files = (file for file in folder.iterdir() if not file.name.endswith("-shm"))
    return {file.name: file.read_bytes() for file in files}


@pytest.mark.parametrize("way", WAYS)
def test_what_cannot_be_written_is_read_and_stays_as_it_is(path: Path, way: str) -> None:
    address, hindered, value = WAYS[way]
    with hindered(path):
        before = written(path.parent)
        with open_store(f"sqlite:///{address.format(path=path)}") as store:
            assert not store.keeps
            assert store.note == f"{snapshot.NOTHING_KEPT} {snapshot.SHOWN}"
            assert [one.measurements[0].value for one in store.find()] == [value]
            assert seed.build(store).added > 100
            assert store.find(own=True) == [make(value)]
            with pytest.raises(StorageError, match="read-only: make it writable or set") as error:
                store.put(make(seed=3))
            with store.reading() as connection:
                copy = Path(str(connection.engine.url.database))
            assert copy.is_file() and path not in (copy, copy.resolve())
        assert written(path.parent) == before
    assert str(path) in str(error.value) and str(path) not in without_places(error.value)
    assert not copy.parent.exists()


def test_an_older_version_that_cannot_be_migrated_is_shown(folder: Path) -> None:
    place = folder / "nmviz.sqlite"
    migrate(place, upgrade, "0001")
    with closing(sqlite3.connect(place)) as connection:
        connection.executescript(OLD_ROWS.read_text())
    before = place.read_bytes()
    with unwritable(place, folder), open_store(place) as store:
        assert store.note == f"{snapshot.NOTHING_KEPT} {snapshot.OLDER}"
        assert len(store.find()) > 1
        assert place.read_bytes() == before


def test_a_newer_version_is_refused_by_its_own_name(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with unwritable(path, path.parent), pytest.raises(UserError, match="newer nmviz") as error:
        open_store(path)
    assert str(path) in str(error.value)


SPOILT: dict[str, Callable[[Path], Any]] = {
    "missing": Path.unlink,
    "missing folder": Path.unlink,
    "damaged": lambda path: path.write_bytes(b"spoiled " * 1000),
    "unreadable": lambda path: path.chmod(0),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_what_ships_is_served_where_nothing_can_be_read(path: Path, kind: str) -> None:
    place = path.parent / "below" / "nmviz.sqlite" if kind == "missing folder" else path
    SPOILT[kind](path)
    with unwritable(path.parent), open_store(place) as store:
        said = snapshot.MISSING if "missing" in kind else snapshot.ONLY_SHIPPED
        assert store.note == f"{snapshot.NOTHING_KEPT} {said}"
        assert seed.build(store).added > 100
        assert seed.verify(store) == []


def test_a_checkout_that_cannot_be_written_keeps_its_results_in_the_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(database.ENVIRONMENT, raising=False)
    monkeypatch.setattr(database, "checkout_results", lambda: folder)
    assert database.address().database == str(folder / "nmviz.sqlite")
    cache = folder.parent / "cache"
    with unwritable(folder):
        assert database.address().database == str(cache / "nmviz.sqlite")
        with open_store() as store:
            assert store.keeps and store.put(make())
    open_store(folder / "nmviz.sqlite").close()
    with unwritable(folder):
        assert database.address().database == str(folder / "nmviz.sqlite")


@pytest.fixture
def read_only(own_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The process's store is one that cannot be written."""
    open_store(own_store).close()
    monkeypatch.setenv("NMVIZ_STORE_URL", f"sqlite:///file:{own_store}?mode=ro&uri=true")
    return own_store


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`nmviz ARGUMENTS` in this process: status, stdout, stderr."""

    return in_process(monkeypatch, capsys)


def test_a_run_is_shown_and_said_not_to_be_kept(
    read_only: Path, tiny_model: Path, tmp_path: Path, command: Any
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The river rises in the hills and falls into the sea. " * 40)
    before = read_only.read_bytes()
    options = ("--tokens", 64, "--window", 32, "--json")
    status, said, noted = command("run", "--model", tiny_model, "--text", text, *options)
    assert (status, json.loads(said)["measurements"][0]["metric"]) == (0, "perplexity")
    assert "The result is not stored: The database of the server is read-only" in noted
    assert str(read_only) not in noted
    assert read_only.read_bytes() == before


def test_a_stored_result_is_still_given(read_only: Path, command: Any) -> None:
    status, said, noted = command("run")
    assert (status, noted) == (0, "") and "from the store" in said


def test_what_is_for_keeping_is_refused(read_only: Path, tmp_path: Path, command: Any) -> None:
    assert command("store", "export", tmp_path / "own.jsonl")[0] == 0
    for typed in (("build",), ("import", tmp_path / "own.jsonl")):
        status, said, mistake = command("store", *typed)
        assert (status, said, mistake.count("\n")) == (2, "", 1)
        assert "is read-only: make it writable or set NMVIZ_STORE_URL" in mistake
    assert command("store", "verify")[:2] == (0, "Every key and every seeded row agrees.\n")


def test_a_sweep_does_not_begin(
    read_only: Path, tiny_model: Path, tmp_path: Path, monkeypatch: Any, command: Any
) -> None:
    (tmp_path / "wiki.test.raw").write_text("The river rises in the hills. " * 60)
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))
    grid = tmp_path / "grid.yaml"
    grid.write_text(
        f"shared: {{model: {tiny_model}, corpus: wikitext-2, tokens: 64, window: 32}}\n"
        "grids: [{pattern: [2:4]}]\n"
    )
    status, _, mistake = command("sweep", grid)
    assert status == 2
    assert mistake.splitlines()[-1].endswith("make it writable or set NMVIZ_STORE_URL.")


def test_the_page_says_that_nothing_is_kept_and_not_where(read_only: Path) -> None:
    from nmviz.ui.launch import build

    page = build()
    (said,) = (one.value for one in page.blocks.values() if getattr(one, "elem_id", None) == "kept")
    assert f"{snapshot.NOTHING_KEPT} {snapshot.SHOWN}" in said
    assert str(read_only.parent) not in json.dumps(page.get_config_file(), default=str)
    assert service.lookup(Experiment()) is not None


def test_the_page_says_nothing_where_all_is_kept(own_store: Path) -> None:
    from nmviz.ui.launch import build

    assert not [one for one in build().blocks.values() if getattr(one, "elem_id", "") == "kept"]


def test_no_failure_of_the_disk_tells_a_visitor_where_it_is(own_store: Path) -> None:
    with service.store() as store, closing(sqlite3.connect(own_store)) as other:
        other.execute("DROP TABLE measurement")
        other.commit()
        with pytest.raises(StorageError) as error:
            store.find()
    assert str(own_store) in str(error.value)
    assert sentence(error.value).startswith("The database of the server does not answer")
    assert str(own_store) not in sentence(error.value)
