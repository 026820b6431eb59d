"""The journal of failures, and one sweep at a time."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from nmviz.base.errors import StorageError, UserError
from nmviz.core.experiment import Experiment
from nmviz.store import Store, open_store
from nmviz.store.alone import alone
from nmviz.store.failures import Failures

ONE, OTHER = Experiment(), Experiment.build(pattern="2:4")


@pytest.fixture
def store(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    with open_store(address) as opened:
        yield opened


def test_tries_are_counted_and_the_last_reason_is_kept(store: Store) -> None:
    failures = Failures(store)
    assert failures.read() == {}
    failures.add(ONE, "too large")
    failures.add(OTHER, "line\nline \u2028 \ud800")
    assert failures.add(ONE, "still too large").tries == 2
    found = Failures(store).read()
    assert [(f.reason, f.tries) for f in found.values()] == [
        ("still too large", 2),
        ("line\nline \u2028 \ud800", 1),
    ]


def test_a_torn_line_costs_nothing_but_itself(store: Store) -> None:
    failures = Failures(store)
    failures.add(ONE, "too large")
    path = store.beside("failures.jsonl")
    path.write_bytes(path.read_bytes() + b'{"key": "abc", "rea')
    assert failures.add(ONE, "again").tries == 2
    path.write_bytes(path.read_bytes() + b"[]\nnull\n\xff\n")
    assert set(failures.read()) == {ONE.key}


def test_a_journal_that_cannot_be_written_ends_a_sweep(store: Store) -> None:
    store.beside("failures.jsonl").mkdir()
    with pytest.raises(StorageError, match="cannot be"):
        Failures(store).add(ONE, "too large")


def test_one_sweep_at_a_time_on_a_file_and_many_on_a_server(store: Store, tmp_path: Path) -> None:
    refused = pytest.raises(UserError, match=r"Another sweep.* keep the results in PostgreSQL")
    with alone(store), nullcontext() if store.is_shared else refused, alone(store):
        pass
    with alone(store):
        pass
    with alone(store), open_store(tmp_path / "other.sqlite") as other, alone(other):
        pass
