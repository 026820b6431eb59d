"""From every older version to the newest: what a user measured is there, whole, under its key."""

import hashlib
import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from migrating import migrate
from sqlalchemy import Engine, event

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Censored, Measurement, Provenance, Result, TaskExamples
from nmviz.core.tokenwise.flips import Flips
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.core.tokenwise.tails import TokenCounts
from nmviz.store import Store, open_store, schema, seed

ROWS = Path(__file__).with_name("rows_of_version_1.sql")
VERSIONS = [
    script.revision for script in ScriptDirectory(schema.SCRIPTS).walk_revisions("base", "heads")
][::-1]
OLDER = VERSIONS[:-1]
KEYS = {
    "own": "1e15cff17d77d07485e7205779f9b92e2fd3e9a8d7412d0852e9b783ba554eeb",
    "both": "4eb657e1677c0179e0d306ed464189a197a1407463e9842e3fc89460743bb271",
    "seeded": "4ed309f25238250576f60e09e2e3c97cfbba25a2ab55d0d1ac0b6d4231462c3a",
}
forked = multiprocessing.get_context("forkserver")  # from a process that opened no database
forked.set_forkserver_preload(["nmviz.store"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nmviz.sqlite"


@pytest.fixture
def old(path: Path) -> Path:
    """A database of version 1 with the rows that version wrote."""
    migrate(path, command.upgrade, "0001")
    with sqlite3.connect(path) as connection:
        connection.executescript(ROWS.read_text())
    connection.close()
    return path


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def version_of(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        connection.close()


def check_what_version_1_wrote(store: Store) -> None:
    own, both = store.find(own=True)
    assert [own.key, both.key] == [KEYS["own"], KEYS["both"]]
    assert [result.key for result in store.find(seeded=True)] == [KEYS["seeded"], KEYS["both"]]
    assert store.get(KEYS["own"]) == own
    assert own.experiment == Experiment(
        pattern="2:4",
        mitigations=("d-pts", "var"),
        projections=("q", "k"),
        blocks="0-3,7",
        artefacts=own.experiment.artefacts,
    )
    assert [(m.metric, m.value, m.stderr, m.n) for m in own.measurements] == [
        ("perplexity", 19.3, 0.25, 4),
        ("kl", 0.125, None, None),
    ]
    assert (own.sites[0].rel_error, own.drift[0].drift, own.censored) == (0.1, 0.25, ())
    assert own.provenance.started == "2026-05-01T10:00:00+00:00"
    assert own.provenance.note == "by hand"
    assert own.provenance.artefacts == {"model": "a" * 64, "corpus": "b" * 64}


def test_the_rows_of_version_1_are_as_that_version_keyed_them() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE experiment (key, canonical, a, b, c, d, e, f, g, h)")
    for line in ROWS.read_text().splitlines():
        if line.startswith('INSERT INTO "experiment"'):
            connection.execute(line)
    found = connection.execute("SELECT key, canonical FROM experiment").fetchall()
    connection.close()
    assert {key for key, _ in found} == set(KEYS.values())
    assert all(hashlib.sha256(text.encode()).hexdigest() == key for key, text in found)


@pytest.mark.parametrize("version", OLDER)
def test_every_older_version_opens_with_all_that_was_in_it(old: Path, version: str) -> None:
    migrate(old, command.upgrade, version)
    assert version_of(old) == version
    with open_store(old) as store:
        assert store.note is None
        check_what_version_1_wrote(store)
        assert seed.verify(store, old.parent / "none") == []
    assert version_of(old) == VERSIONS[-1] == schema.HEAD


def test_a_migrated_store_takes_new_results_and_knows_the_old_ones(old: Path) -> None:
    with open_store(old) as store:
        (own, both), (seeded, _) = store.find(own=True), store.find(seeded=True)
        assert [store.put(result) for result in (own, both, seeded)] == [False] * 3
        unknown = own.model_copy(update={"experiment": own.experiment.but(corpus=None, seed=None)})
        assert store.put(unknown)
        assert store.history(unknown.key) == [unknown]


def test_seeding_a_migrated_store_leaves_the_users_runs(old: Path, tmp_path: Path) -> None:
    (tmp_path / "results" / "runs").mkdir(parents=True)  # ships nothing any more
    with open_store(old) as store:
        report = seed.build(store, tmp_path / "results", again=True)
        assert report.removed == 2
        assert [result.key for result in store.find()] == [KEYS["own"], KEYS["both"]]


@contextmanager
def stopped_at(words: str, stop: Any) -> Iterator[None]:
    """Call `stop` before the first statement that begins with these words."""

    def look(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().startswith(words):
            stop()

    event.listen(Engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", look)


MOMENTS = [
    "INSERT INTO _alembic_tmp_experiment",
    "DROP TABLE experiment",
    "ALTER TABLE _alembic_tmp_experiment",
    "ALTER TABLE result",
    "UPDATE alembic_version",
]


@pytest.mark.parametrize("words", MOMENTS)
def test_a_migration_that_fails_half_way_changes_nothing(old: Path, words: str) -> None:
    before = dump(old)

    def fail() -> None:
        raise RuntimeError("half way")

    with stopped_at(words, fail), pytest.raises(RuntimeError, match="half way"):
        open_store(old)
    assert dump(old) == before
    with open_store(old) as store:
        check_what_version_1_wrote(store)


def migrate_and_wait(path: Path, words: str, under_way: Any) -> None:
    def wait() -> None:
        under_way.set()
        time.sleep(60)

    with stopped_at(words, wait):
        open_store(path)


def test_a_migration_that_is_killed_half_way_changes_nothing(old: Path) -> None:
    before = dump(old)
    under_way = forked.Event()
    worker = forked.Process(
        target=migrate_and_wait, args=(old, "UPDATE alembic_version", under_way)
    )
    worker.start()
    assert under_way.wait(60)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(30)
    assert dump(old) == before
    with open_store(old) as store:
        assert store.note is None
        check_what_version_1_wrote(store)


def open_together(path: Path, start: Any) -> None:
    start.wait()
    with open_store(path) as store:
        check_what_version_1_wrote(store)


def test_processes_that_start_together_migrate_once(old: Path) -> None:
    start = forked.Barrier(4)
    workers = [forked.Process(target=open_together, args=(old, start)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 4


def test_a_newer_version_is_refused_in_one_sentence_and_left_as_it_is(old: Path) -> None:
    open_store(old).close()
    with sqlite3.connect(old) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
        connection.execute("ALTER TABLE result ADD COLUMN later TEXT")
    connection.close()
    before = dump(old)
    with pytest.raises(UserError) as error:
        open_store(old)
    sentence = str(error.value)
    assert "written by a newer nmviz (schema 0999)" in sentence
    assert "\n" not in sentence and sentence.endswith(".")
    assert dump(old) == before


def test_a_damaged_old_version_is_set_aside_under_a_name_of_its_own(old: Path) -> None:
    with old.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (old.stat().st_size - 8192))
    damaged = old.read_bytes()
    for _ in range(2):  # a second damaged file does not take the first one's name
        with open_store(old) as store:
            assert store.note is not None and "is kept as" in store.note
            assert store.find() == []
        old.write_bytes(damaged)
    aside = list(old.parent.glob("nmviz.sqlite.corrupt-*"))
    assert [file.read_bytes() for file in aside] == [damaged] * 2


def make(**unknown: Any) -> Result:
    return Result(
        experiment=Experiment(pattern="4:8", **unknown),
        measurements=(Measurement(metric="acc", value=0.5, task="boolq"),),
        censored=(Censored(metric="perplexity", printed="OUT", reason="beyond"),),
        provenance=Provenance(source="paper", artefacts={"model": "c" * 64}),
    )


def test_back_to_version_1_keeps_what_that_version_can_hold(old: Path) -> None:
    with open_store(old) as store:
        store.put(make(corpus=None, tokens=None, window=None))
        store.put(make(window=None))
        store.put(make())
    migrate(old, command.downgrade, "0001")
    connection = sqlite3.connect(old)
    models = connection.execute("SELECT count(*) FROM experiment").fetchone()[0]
    left = "SELECT count(*) FROM {} WHERE result_id NOT IN (SELECT id FROM result)"
    orphans = [
        connection.execute(left.format(table)).fetchone()[0]
        for table in ("measurement", "result_artefact")
    ]
    columns = [row[1] for row in connection.execute("PRAGMA table_info(result)")]
    needed = {row[1] for row in connection.execute("PRAGMA table_info(experiment)") if row[3]}
    connection.close()
    assert (models, orphans) == (4, [0, 0])
    assert "censored" not in columns
    assert {"corpus", "tokens", "window"} <= needed
    with open_store(old) as store:
        check_what_version_1_wrote_and(store, make().model_copy(update={"censored": ()}))


def test_results_of_tasks_do_not_go_back_to_a_version_that_has_no_room_for_them(old: Path) -> None:
    right = TaskExamples(task="piqa", metric="acc", right="0110", digest="d" * 64)
    ran = make().model_copy(
        update={"experiment": Experiment(tasks=("piqa",)), "examples": (right,)}
    )
    with open_store(old) as store:
        store.put(ran)
        assert store.history(ran.key) == [ran]
        assert store.find(source="paper", sites=False)[0].examples == ()
    migrate(old, command.downgrade, "0002")
    with open_store(old) as store:
        assert store.history(ran.key) == []
        check_what_version_1_wrote(store)


def test_costs_of_windows_are_left_out_of_a_version_without_room_for_them(old: Path) -> None:
    plain = make().model_copy(update={"censored": ()})
    with open_store(old) as store:
        store.put(plain.model_copy(update={"unit_costs": (0.25, 0.5)}))
    migrate(old, command.downgrade, "0003")
    with open_store(old) as store:
        check_what_version_1_wrote_and(store, plain)


def test_tails_are_left_out_of_a_version_without_room_for_them(old: Path) -> None:
    plain = make().model_copy(update={"censored": ()})
    spread = Measurement(metric="kl_spread", value=0.1)
    known = plain.model_copy(update={"measurements": (*plain.measurements, spread)})
    tails = (
        Measurement(metric="kl_max", value=3.5, no_stderr="it is of a single token"),
        Measurement(metric="delta_p_p05", value=-0.5),
    )
    counts = (TokenCounts(metric="delta_p", counts=(1,) * 40),)
    more = {"measurements": (*known.measurements, *tails), "token_counts": counts}
    with open_store(old) as store:
        store.put(known.model_copy(update=more))
    migrate(old, command.downgrade, "0006")
    with open_store(old) as store:
        check_what_version_1_wrote_and(store, known)


def test_floors_are_left_out_of_a_version_without_room_for_them(old: Path) -> None:
    plain = make().model_copy(update={"censored": ()})
    floor = NoiseFloor(of="dense", kl=0.1, delta_nll=0.01, draws=3)
    with open_store(old) as store:
        store.put(plain.model_copy(update={"noise_floors": (floor,)}))
        (kept,) = store.find(sites=False, source="paper")
        assert kept.noise_floors == (floor,)
    migrate(old, command.downgrade, "0007")
    with open_store(old) as store:
        check_what_version_1_wrote_and(store, plain)


def test_flips_are_left_out_of_a_version_without_room_for_them(old: Path) -> None:
    plain = make().model_copy(update={"censored": ()})
    flips = Flips(n=40, total=3, right_to_wrong=2, wrong_to_right=0)
    with open_store(old) as store:
        assert all(one.flips is None for one in store.find()), "they are of before"
        store.put(plain.model_copy(update={"flips": flips}))
        (kept,) = store.find(source="paper")
        assert kept.flips == flips
    migrate(old, command.downgrade, "0008")
    with open_store(old) as store:
        check_what_version_1_wrote_and(store, plain)


def check_what_version_1_wrote_and(store: Store, known: Result) -> None:
    """The known one has lost only what version 1 had no column for."""
    assert store.history(known.key) == [known]
    assert [result.key for result in store.find(own=True)][-2:] == [KEYS["own"], KEYS["both"]]
    assert store.find(source="paper") == [known]
