"""The store gives back what was put, opens in any state of its file and says so in one sentence."""

import json
import math
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from databases import ask, rows_in
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Text, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.reading import Artefacts
from nmviz.core.results import BlockDrift, Measurement, Provenance, Result, SiteError
from nmviz.core.site_errors import SAMPLED_ERRORS
from nmviz.core.tokenwise.flips import Flip, Flips
from nmviz.core.tokenwise.tails import Sureness, TokenCounts
from nmviz.store import Store, database, open_store, schema
from nmviz.store.tables import Base
from nmviz.store.transfer.jsonl import read_jsonl, write_jsonl

FINITE = st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
MEASUREMENTS = st.builds(
    Measurement,
    metric=WORDS,
    value=FINITE,
    stderr=st.none() | FINITE,
    n=st.none() | st.integers(0, 2**62),
    unit_of_n=st.none() | WORDS,
    task=st.none() | WORDS,
    printed=st.none() | WORDS,
    no_stderr=st.none() | WORDS,
)
SIZES = {"dense_before": 0.625, "dense_after": 0.125, "pruned_before": 0, "pruned_after": 1}
FLIP = Flip(window=2, token=17, right=5, dense=5, pruned=9, kl=1.25, **SIZES)
TAILS = {
    "flips": Flips(n=40, total=3, right_to_wrong=2, wrong_to_right=0, rows=(FLIP, FLIP)),
    "by_confidence": (Sureness(low=0.25, high=0.5, n=2, kl=1.5),),
    "token_counts": (TokenCounts(metric="delta_p", counts=(2, *[0] * 39)),),
}
SITES = st.builds(
    SiteError, name=WORDS, block=st.integers(0, 99), projection=WORDS, rel_error=FINITE, kept=FINITE
)
RESULTS = st.builds(
    Result,
    experiment=st.builds(
        Experiment,
        seed=st.integers(0, 5),
        mitigations=st.sampled_from([(), ("d-pts", "var")]),
        projections=st.none() | st.just(("q", "k")),
        blocks=st.none() | st.just("0-3,7"),
    ),
    measurements=st.lists(MEASUREMENTS, max_size=4).map(tuple),
    sites=st.lists(SITES, max_size=3).map(tuple),
    drift=st.lists(st.builds(BlockDrift, block=st.integers(0, 9), drift=FINITE), max_size=3).map(
        tuple
    ),
    provenance=st.builds(
        Provenance,
        source=st.sampled_from(["nmviz", "paper"]),
        started=st.none() | st.datetimes().map(lambda time: f"{time.isoformat()}+00:00"),
        seconds=st.none() | FINITE,
        versions=st.dictionaries(WORDS, WORDS, max_size=3),
        machine=st.dictionaries(WORDS, WORDS | st.integers(0, 999), max_size=3),
        note=st.none() | WORDS,
    ),
)


def make(
    value: float = 19.0, source: str = "nmviz", started: str | None = None, **experiment: object
) -> Result:
    return Result(
        experiment=Experiment(**experiment),
        measurements=(Measurement(metric="perplexity", value=value, stderr=0.1, n=4),),
        sites=(SiteError(name="m.0.q", block=0, projection="q", rel_error=0.1, kept=0.5),),
        drift=(BlockDrift(block=0, drift=0.25),),
        provenance=Provenance(source=source, started=started),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nmviz.sqlite"


@pytest.fixture
def store(address: str):
    with open_store(address) as opened:
        yield opened


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(result=RESULTS)
def test_what_is_read_is_what_was_put(store: Store, tmp_path: Path, result: Result) -> None:
    store.put(result)
    assert result in store.history(result.key)
    assert result in store.find(source=result.provenance.source, seeded=False)
    assert store.put(result) is False
    write_jsonl([result], tmp_path / "one.jsonl")
    assert read_jsonl(tmp_path / "one.jsonl") == [result]


@pytest.mark.parametrize("value", [0.1 + 0.2, 5e-324, 1.7976931348623157e308, 1 / 3, 98.2, 2.0**53])
def test_floats_keep_every_bit(store: Store, value: float) -> None:
    store.put(make(value))
    back = store.find()[0].measurements[0].value
    assert back.hex() == value.hex()


def test_negative_zero_is_stored_as_zero_and_known_again(store: Store) -> None:
    assert store.put(make(-0.0)) is True
    assert store.put(make(0.0)) is False
    assert math.copysign(1, store.find()[0].measurements[0].value) == 1


def test_the_same_record_twice_adds_nothing(store: Store, address: str) -> None:
    assert store.put(make()) is True
    assert store.put(make()) is False
    assert rows_in(address, "result") == rows_in(address, "measurement") == 1


def test_a_partial_result_is_refused(store: Store, address: str) -> None:
    with pytest.raises(ValueError, match="partial"):
        store.put(make().model_copy(update={"partial": True}))
    assert rows_in(address, "result") == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(store: Store, address: str, value: float) -> None:
    with pytest.raises(UserError, match="not finite"):
        store.put(make(value))
    assert rows_in(address, "result") == rows_in(address, "experiment") == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [("a\0b", "a character of code 0"), ("\ud800", "half a character"), ("x\udc00", "half a")],
)
def test_text_that_not_every_database_holds_is_refused(
    store: Store, address: str, words: str, why: str
) -> None:
    for field in ("unit_of_n", "printed", "task"):
        one = Measurement(metric="kl", value=1.0, **{field: words})
        result = make().model_copy(update={"measurements": (one,)})
        with pytest.raises(UserError, match=why) as caught:
            store.put(result)
        assert str(caught.value).endswith(".")
    assert rows_in(address, "result") == rows_in(address, "experiment") == 0
    fitting = Measurement(metric="kl", value=1.0, unit_of_n="a\\u0000b \U0001f600")
    assert store.put(make().model_copy(update={"measurements": (fitting,)}))


def test_a_count_too_large_leaves_nothing_behind(store: Store, address: str) -> None:
    wrong = Measurement(metric="perplexity", value=1.0, n=2**70)
    with pytest.raises(UserError, match="too large"):
        store.put(make().model_copy(update={"measurements": (wrong,)}))
    assert rows_in(address, "result") == rows_in(address, "experiment") == 0


def test_get_gives_the_newest_of_our_own_runs(store: Store) -> None:
    times = [
        "2026-01-02T00:00:00+00:00",
        "2026-01-03T00:00:00.5+00:00",
        "2026-01-03T00:30:00+01:00",
    ]
    results = [make(value, started=time) for value, time in enumerate(times)]
    for result in [*results, make(7, source="paper", started="2027-01-01T00:00:00Z"), make(8)]:
        store.put(result)
    assert store.get(results[0].key) == results[1]
    values = [result.measurements[0].value for result in store.history(results[0].key)]
    assert values == [7, 1, 2, 0, 8]
    assert store.get("0" * 64) is None


def test_errors_of_layers_from_a_sample_stand_behind_those_of_every_token(store: Store) -> None:
    sampled = {SAMPLED_ERRORS: "from a sample"}
    exact, older = make(1, started="2026-01-02T00:00:00Z"), make(2, started="2026-01-01T00:00:00Z")
    later = make(3, started="2026-01-03T00:00:00Z")
    made = later.provenance.model_copy(update={"settings": sampled})
    later = later.model_copy(update={"provenance": made})
    assert later.sampled and not exact.sampled
    store.put(later)
    assert store.get(exact.key) == later  # better than none
    for result in (exact, older):
        store.put(result)
    assert store.get(exact.key) == exact
    assert [one.measurements[0].value for one in store.find()] == [3, 2, 1]


def test_find_filters(store: Store) -> None:
    plain, stacked = make(pattern="2:4"), make(pattern="8:16", mitigations=("d-pts", "var"))
    weight, paper = make(target="weight", criterion="magnitude"), make(source="paper", window=256)
    for result in (plain, stacked, weight, paper):
        assert store.put(result)
    assert store.find() == [plain, stacked, weight, paper]
    assert store.find(pattern="2:4") == [plain]
    assert store.find(pattern=["2:4", "8:16"], target="activation", source="nmviz") == [
        plain,
        stacked,
    ]
    assert store.find(mitigations=("d-pts", "var")) == [stacked]
    assert store.find(source="paper", window=256, tokens=2048, corpus="wiki-leads") == [paper]
    assert store.find(key=weight.key, own=True, model="smollm2-135m") == [weight]
    assert store.find(seeded=True) == []
    with pytest.raises(TypeError, match="patern"):
        store.find(patern="2:4")


def test_find_without_sites_leaves_only_what_is_long_out(store: Store) -> None:
    kept = make().model_copy(update={"unit_costs": (0.5, 0.25), **TAILS})
    store.put(kept)
    assert store.find() == [kept]
    long = ("sites", "drift", *TAILS)
    short = dict.fromkeys(long, ()) | {"flips": None}
    assert store.find(sites=False) == [kept.model_copy(update=short)]


def test_tails_come_back_as_they_were_put_and_are_written_under_their_names(
    store: Store, tmp_path: Path
) -> None:
    why = Measurement(metric="kl_max", value=3.5, no_stderr="it is of a single token")
    kept = make().model_copy(update={"measurements": (why,), **TAILS})
    store.put(kept)
    file = tmp_path / "out.jsonl"
    write_jsonl([kept], file)
    (line,) = map(json.loads, file.read_text().splitlines())
    assert line["by_confidence"][0] == {"from": 0.25, "to": 0.5, "n": 2, "kl": 1.5}
    assert read_jsonl(file) == store.find() == [kept]


def test_more_results_than_one_statement_asks_for(store: Store, monkeypatch) -> None:
    monkeypatch.setattr("nmviz.store.records.BATCH", 3)
    results = [make(value) for value in range(10)]
    for result in results:
        store.put(result)
    assert store.find() == results


def test_sources_and_artefacts_are_listed_once(store: Store, address: str) -> None:
    read = Artefacts(model="a" * 64, corpus="b" * 64)
    for value in (1, 2):
        result = make(value, artefacts=read)
        origin = Provenance(source="nmviz", artefacts={"model": "a" * 64, "state": "c" * 64})
        store.put(result.model_copy(update={"provenance": origin}))
    store.put(make(source="paper"))
    assert [source.id for source in store.sources()] == ["nmviz", "paper"]
    assert rows_in(address, "artefact") == 2
    assert rows_in(address, "result_artefact") == 4
    kinds = ask(address, "SELECT name, kind FROM artefact ORDER BY name")
    assert kinds == [("model", "model"), ("state", "other")]


def test_a_row_this_version_cannot_read_hides_no_other(store: Store, address: str) -> None:
    good, bad = make(seed=1), make(seed=2)
    store.put(bad)
    store.put(good)
    other = "canonical = replace(canonical, 'magnitude', 'unheard-of')"
    ask(address, f"UPDATE experiment SET {other} WHERE key = '{bad.key}'")
    assert store.find() == [good]
    assert store.get(bad.key) is None


def test_pragmas(path: Path) -> None:
    with open_store(path) as store, store.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        }
    assert found == {
        "journal_mode": "wal",
        "busy_timeout": 10_000,
        "foreign_keys": 1,
        "synchronous": 1,
    }


def test_the_migrations_make_the_schema_of_the_tables(store: Store) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        there = inspect(connection)
        for table in Base.metadata.tables.values():
            assert there.get_pk_constraint(table.name)["name"] == f"pk_{table.name}"
            found = {key["name"]: key["options"] for key in there.get_foreign_keys(table.name)}
            declared = {
                key.name: {"ondelete": key.ondelete} if key.ondelete else {}
                for key in table.foreign_key_constraints
            }
            assert found == declared


def test_the_newest_migration_is_the_one_the_code_knows() -> None:
    assert ScriptDirectory(schema.SCRIPTS).get_current_head() == schema.HEAD


@pytest.mark.parametrize("table", Base.metadata.sorted_tables, ids=lambda table: table.name)
def test_postgresql_would_take_every_table(table) -> None:
    assert table.name in str(CreateTable(table).compile(dialect=postgresql.dialect()))


def test_an_up_to_date_store_opens_without_alembic(path: Path) -> None:
    open_store(path).close()
    code = (
        "import sys, pathlib; from nmviz.store import open_store; "
        f"open_store(pathlib.Path({str(path)!r})); "
        "print([name for name in ('alembic', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_opening_again_keeps_what_is_there(address: str) -> None:
    with open_store(address) as store:
        store.put(make())
    with open_store(address) as store:
        assert store.note is None
        assert store.find() == [make()]


def test_a_newer_database_is_refused(address: str) -> None:
    with open_store(address) as store:
        store.put(make())
    ask(address, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UserError, match="newer nmviz"):
        open_store(address)
    assert rows_in(address, "result") == 1


def test_the_tables_of_another_program_are_left_alone(address: str) -> None:
    ask(address, "CREATE TABLE source (x INTEGER)")
    with pytest.raises(UserError, match="another program"):
        open_store(address)
    with pytest.raises(DBAPIError):
        rows_in(address, "result")


def spoil_header(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever its name says" * 100)


def spoil_middle(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 8192))


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("spoil", [spoil_header, spoil_middle, cut_in_half])
def test_a_damaged_file_is_set_aside_and_never_overwritten(path: Path, spoil) -> None:
    with open_store(path) as store:
        store.put(make())
    spoil(path)
    damaged = path.read_bytes()
    with open_store(path) as store:
        aside = list(path.parent.glob("nmviz.sqlite.corrupt-*"))
        assert [file.read_bytes() for file in aside] == [damaged]
        assert store.note is not None and aside[0].name in store.note
        assert store.find() == []
        assert store.put(make())
    assert open_store(path).note is None


def test_a_locked_database_is_one_sentence(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    with open_store(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UserError, match="locked by another program"):
            store.put(make())
        assert store.find() == []
        other.execute("ROLLBACK")
        other.close()
        assert store.put(make())


def test_a_read_only_database_is_one_sentence(path: Path) -> None:
    open_store(path).close()
    with (
        open_store(f"sqlite:///file:{path}?mode=ro&uri=true") as store,
        pytest.raises(UserError, match="read-only"),
    ):
        store.put(make())


def test_a_place_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be made"):
        open_store(tmp_path / "file" / "below" / "nmviz.sqlite")
    with pytest.raises(UserError, match="cannot be opened"):
        open_store(tmp_path)


@pytest.mark.parametrize("url", ["no address", "sqlite://", "sqlite:///:memory:", "nodb://x/y"])
def test_an_address_that_is_none_is_one_sentence(url: str) -> None:
    with pytest.raises(UserError, match=r"database|needs a file"):
        open_store(url)


def test_where_the_store_is(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv(database.ENVIRONMENT, f"sqlite:///{tmp_path}/elsewhere/db.sqlite")
    with open_store() as store:
        assert store.place == str(tmp_path / "elsewhere" / "db.sqlite")
    monkeypatch.delenv(database.ENVIRONMENT)
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(database, "PACKAGE", tmp_path / "nmviz")
    assert database.place(database.address()) == str(tmp_path / "nmviz.sqlite")
    (tmp_path / "nmviz" / "shipped").mkdir(parents=True)
    (tmp_path / "results").mkdir()  # beside an installed package it is somebody else's
    assert database.results_folder() == tmp_path / "nmviz" / "shipped"
    assert database.place(database.address()) == str(tmp_path / "nmviz.sqlite")
    (tmp_path / "pyproject.toml").touch()
    assert database.results_folder() == tmp_path / "results"
    assert database.place(database.address()) == str(tmp_path / "results" / "nmviz.sqlite")


def test_a_password_is_not_shown() -> None:
    assert "secret" not in database.place(database.address("postgresql://me:secret@host/db"))


def test_a_migration_may_copy_a_table_without_losing_what_points_to_it(path: Path) -> None:
    with open_store(path) as store:
        store.put(make())
    migrating = database.connect(database.address(path), migrating=True)
    with migrating.execution_options(**database.WRITING).begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("result", recreate="always") as batch:
            batch.add_column(Column("later", Text))
    migrating.dispose()
    with open_store(path) as store:
        assert store.find() == [make()]
