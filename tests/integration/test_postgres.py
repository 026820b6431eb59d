"""PostgreSQL as the store: what only such a database can do wrong, and a store moved either way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from databases import ask, rows_in
from migrating import migrate
from postgres import Server, serving, skip_without
from sqlalchemy import text
from typer.testing import CliRunner

from nmviz.base.errors import StorageError, UserError
from nmviz.cli.main import app
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.store import Store, database, open_store, schema, seed, writing
from nmviz.store.copying import copy
from nmviz.store.records import pack
from nmviz.store.tables import Base
from nmviz.store.transfer.jsonl import write_jsonl

VERSIONS = [
    script.revision for script in ScriptDirectory(schema.SCRIPTS).walk_revisions("base", "heads")
][::-1]


def make(seed_of: int = 0, value: float = 19.0) -> Result:
    return Result(
        experiment=Experiment(seed=seed_of),
        measurements=(Measurement(metric="perplexity", value=value, n=4),),
        provenance=Provenance(source="nmviz", started="2026-05-01T00:00:00+00:00"),
    )


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    """An empty database."""
    with postgres.new_database() as made:
        yield made


def end_connections(url: str) -> None:
    """The server ends all connections to the database but the one that asks."""
    name = database.address(url).database
    mine = f"datname = '{name}' AND pid <> pg_backend_pid()"
    ask(url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")


def test_an_address_that_leads_nowhere_is_one_sentence(postgres: Server, url: str) -> None:
    wrong = {
        postgres.url("none"): "is not there: create it with createdb",
        postgres.url("postgres", password="another word"): "refuses the user or the password",
        postgres.url("postgres", user="nobody_here"): "refuses the user",
        "postgresql://me:a@127.0.0.1:9/x": "Nobody answers at postgresql://me:",
    }
    for address, why in wrong.items():
        with pytest.raises(StorageError) as caught:
            open_store(address)
        said = str(caught.value)
        assert why in said and said.endswith(".") and "\n" not in said
        assert "another word" not in said and ":a@" not in said


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_every_older_version_is_brought_up_to_date(url: str, version: str) -> None:
    migrate(url, command.upgrade, version)
    with open_store(url) as store:
        assert store.put(make()) and store.find() == [make()]
        with store.reading() as connection:
            assert schema.revision(connection) == schema.HEAD
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, Base.metadata) == []


def test_a_connection_that_ends_between_two_questions_is_not_seen(url: str) -> None:
    with open_store(url) as store:
        store.put(make())
        end_connections(url)
        assert store.find() == [make()]
        end_connections(url)
        assert store.put(make(1)) and not store.put(make(1))
        assert store.standing().results == 2


def test_a_connection_that_ends_while_writing_doubles_and_loses_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, tried = writing.add, []

    def ending(connection: Any, packed: Any, **marks: Any) -> bool:
        added = add(connection, packed, **marks)
        tried.append(added)
        if len(tried) == 1:
            end_connections(url)
            connection.execute(text("SELECT 1"))
        return added

    with open_store(url) as store:
        monkeypatch.setattr(writing, "add", ending)
        assert store.put(make())
        assert tried == [True, True]  # the first was undone
        assert rows_in(url, "result") == rows_in(url, "measurement") == 1
        assert seed.verify(store, Path("none")) == []


def test_a_server_that_is_gone_is_one_sentence() -> None:
    skip_without()
    with serving() as server, server.new_database() as url:
        store = open_store(url)
        store.put(make())
        server.stop()
        for ask_it in (store.find, lambda: store.put(make(1)), store.standing):
            with pytest.raises(StorageError, match=r"Nobody answers|was lost") as caught:
                ask_it()
            assert "\n" not in str(caught.value)
        server.start()
        assert store.find() == [make()] and store.put(make(1))
        store.close()


def test_a_writer_waits_for_another_one_and_says_so_in_the_end(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    with open_store(url) as store, open_store(url) as other:
        with other.writing() as connection:
            with pytest.raises(StorageError, match="is locked by another program"):
                store.put(make())
            assert store.find() == []  # whoever reads waits for nobody
            connection.execute(text("SELECT 1"))
        assert store.put(make())


@pytest.fixture
def reader(postgres: Server, url: str) -> Iterator[str]:
    """The database with a result, for a role that may only read it."""
    with open_store(url) as store:
        store.put(make())
    ask(url, "CREATE ROLE reader LOGIN PASSWORD 'r'")
    ask(url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    yield postgres.url(str(database.address(url).database), "reader", "r")
    ask(url, "DROP OWNED BY reader")
    ask(url, "DROP ROLE reader")


def test_a_role_that_may_only_read_suffices_for_a_page(reader: str, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    write_jsonl([make(5)], tmp_path / "runs" / "shipped.jsonl")
    with open_store(reader) as store:
        assert not store.keeps and store.note is not None
        assert store.note.startswith("Nothing that is measured here is kept")
        assert seed.build(store, tmp_path).added == 0
        assert store.find() == [make()] == [store.get(make().key)]
        with pytest.raises(StorageError, match="is read-only"):
            store.put(make(1))


def test_a_role_without_any_right_is_one_sentence(postgres: Server, url: str) -> None:
    open_store(url).close()
    ask(url, "CREATE ROLE outsider LOGIN PASSWORD 'o'")
    try:
        outside = postgres.url(str(database.address(url).database), "outsider", "o")
        with pytest.raises(StorageError, match="grant it") as caught:
            open_store(outside)
        assert "\n" not in str(caught.value)
    finally:
        ask(url, "DROP ROLE outsider")


def filled(where: str | Path) -> Store:
    """A store with an own result, an imported one, and one that is both."""
    store = open_store(where)
    store.put(make(1))
    with store.writing() as connection:
        writing.add_all(connection, [pack(make(2))], own=True, imported=True)
    return store


def own_of(store: Store) -> dict[str, bool]:
    """Keys of what is the user's own, and whether each was imported."""
    with store.reading() as connection:
        asked = "SELECT experiment_key, imported FROM result WHERE own"
        return {row[0]: bool(row[1]) for row in connection.execute(text(asked))}


@pytest.mark.parametrize("to_postgres", [True, False], ids=["to", "from"])
def test_a_store_moves_either_way(url: str, tmp_path: Path, to_postgres: bool) -> None:
    file = f"sqlite:///{tmp_path / 'own.sqlite'}"
    source, target = (file, url) if to_postgres else (url, file)
    with filled(source) as one, open_store(target) as other:
        other.put(make(3))
        assert copy(one, other, tmp_path).added == 2
        assert own_of(other) == {**own_of(one), make(3).key: False}
        assert [result for result in other.find(own=True) if result != make(3)] == one.find(
            own=True
        )
        assert seed.verify(other, tmp_path) == []
        again = copy(one, other, tmp_path)
        assert (again.added, again.there) == (0, 2)


def test_a_store_that_cannot_be_read_whole_is_not_copied(url: str, tmp_path: Path) -> None:
    file = f"sqlite:///{tmp_path / 'own.sqlite'}"
    with filled(file) as one, open_store(url) as other:
        ask(file, f"UPDATE result SET drift = '{{' WHERE experiment_key = '{make(2).key}'")
        with pytest.raises(UserError, match="cannot be read: nmviz store verify says why"):
            copy(one, other, tmp_path)
        assert rows_in(url, "result") == 0
        with pytest.raises(UserError, match="same database"):
            copy(other, other, tmp_path)


def test_the_command_copies_and_refuses_in_words(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seed, "results_folder", lambda: tmp_path)
    file = tmp_path / "own.sqlite"
    filled(file).close()
    ran = CliRunner().invoke(app, ["store", "copy", str(file), url])
    assert ran.stdout.startswith("2 results copied and compared, 0 there already;"), ran.output
    missing = CliRunner().invoke(app, ["store", "copy", str(tmp_path / "none.sqlite"), url])
    assert isinstance(missing.exception, UserError)
    assert "There is no database" in str(missing.exception)
    assert not (tmp_path / "none.sqlite").exists()


def test_without_its_driver_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_given: Any, **_named: Any) -> Any:
        raise ModuleNotFoundError("No module named 'psycopg'")

    monkeypatch.setattr(database, "create_engine", missing)
    with pytest.raises(UserError, match=r"pip install 'nmviz\[postgres\]'"):
        open_store("postgresql://me@127.0.0.1/x")
