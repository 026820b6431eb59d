"""A file of anything is refused in one sentence and changes nothing, or it reads back equal."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from foreign import lm_eval_document, log_document, shared_record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.store import Store, open_store
from nmviz.store.records import pack
from nmviz.store.transfer.importing import Format, import_file, read

fuzz = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

HOSTILE = st.sampled_from(
    [
        "'); DROP TABLE result; --",
        '" OR ""="',
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "Traceback (most recent call last):\n  File",
        "\x1b[2J\x07",
        "a\0b",
        "\ud800",
        "\u202egnp.exe",
        "x" * 5000,
        "",
    ]
)
NUMBERS = st.sampled_from(
    [0, -1, 0.5, 1e308, -1e308, 5e-324, 2**31, 2**63, 10**400, float("nan"), float("inf"), True]
)
LEAVES = st.none() | NUMBERS | st.floats() | st.integers() | HOSTILE | st.text(max_size=12)
NAMES = st.sampled_from(
    ["results", "acc,none", "experiment", "measurements", "sparsity_type", "ppl", "config", "date"]
)
JSON = st.recursive(
    LEAVES,
    lambda part: (
        st.lists(part, max_size=3)
        | st.dictionaries(NAMES | HOSTILE | st.text(max_size=6), part, max_size=4)
    ),
    max_leaves=12,
)


def own_line() -> dict[str, Any]:
    result = Result(
        experiment=Experiment(pattern="2:4", mitigations=("d-pts", "var"), projections=("q", "k")),
        measurements=(
            Measurement(metric="perplexity", value=19.5, stderr=0.25, n=4, unit_of_n="windows"),
            Measurement(metric="acc", value=0.5, task="boolq"),
        ),
        provenance=Provenance(
            source="nmviz",
            started="2026-05-01T00:00:00+00:00",
            machine={"cores": 2},
            artefacts={"model": "a" * 64},
            note="made up",
        ),
    )
    fields: dict[str, Any] = json.loads(pack(result).text)
    return fields


DOCUMENTS = {
    "own": own_line(),
    "lm-eval": lm_eval_document(),
    "log": log_document(),
    "shared": shared_record(),
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document."""
    yield path
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[name], (*path, name))


def at(document: Any, place: tuple[Any, ...]) -> Any:
    for name in place:
        document = document[name]
    return document


PLACES = {kind: list(places(document)) for kind, document in DOCUMENTS.items()}
STRINGS = [
    (kind, place)
    for kind, document in DOCUMENTS.items()
    for place in PLACES[kind]
    if isinstance(at(document, place), str)
]


def changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a place."""
    if not place:
        return value
    copy = json.loads(json.dumps(document))
    at(copy, place[:-1])[place[-1]] = value
    return copy


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("fuzz") / "nmviz.sqlite") as opened:
        opened.put(Result.model_validate(own_line()))
        yield opened


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "results.json"


def state(store: Store) -> list[tuple[Any, ...]]:
    with sqlite3.connect(store.place) as connection:
        tables = ("source", "experiment", "result", "measurement", "artefact", "result_artefact")
        return [row for table in tables for row in connection.execute(f"SELECT * FROM {table}")]


def count(store: Store) -> int:
    with sqlite3.connect(store.place) as connection:
        return int(connection.execute("SELECT count(*) FROM result").fetchone()[0])


def metrics(store: Store) -> set[str]:
    with sqlite3.connect(store.place) as connection:
        return {name for (name,) in connection.execute("SELECT DISTINCT metric FROM measurement")}


def holds(store: Store, file: Path, content: bytes, form: Format = Format.AUTO) -> None:
    """What must be true of every file."""
    file.write_bytes(content)
    before = state(store)
    try:
        report = import_file(store, file, form)
    except UserError as error:
        sentence = str(error)
        assert sentence.isprintable() and sentence.endswith(".") and len(sentence) < 500
        assert state(store) == before
        return
    assert "\n" not in str(report) and str(report).isprintable()
    there = [pack(result).digest for result in store.find(own=True)]  # all that it holds
    assert {one.packed.digest for one in read(file, form).results} <= set(there)
    after = state(store)
    assert len(there) == len(set(there)) == count(store) and set(before) <= set(after)
    assert import_file(store, file, form).added == 0
    assert state(store) == after
    assert metrics(store) <= set(METRICS)


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


@fuzz
@given(content=st.binary(max_size=200), form=st.sampled_from(Format))
def test_any_bytes(store: Store, file: Path, content: bytes, form: Format) -> None:
    holds(store, file, content, form)


@fuzz
@given(value=JSON, form=st.sampled_from(Format))
def test_any_json(store: Store, file: Path, value: Any, form: Format) -> None:
    holds(store, file, encoded(value), form)


@fuzz
@given(data=st.data(), kind=st.sampled_from(list(DOCUMENTS)), value=JSON)
def test_a_file_with_one_value_changed(
    store: Store, file: Path, data: st.DataObject, kind: str, value: Any
) -> None:
    place = data.draw(st.sampled_from(PLACES[kind]))
    holds(store, file, encoded(changed(DOCUMENTS[kind], place, value)))


@fuzz
@given(where=st.sampled_from(STRINGS), value=HOSTILE)
def test_a_file_with_sql_html_or_worse_in_a_text(
    store: Store, file: Path, where: tuple[str, tuple[Any, ...]], value: str
) -> None:
    kind, place = where
    holds(store, file, encoded(changed(DOCUMENTS[kind], place, value)))


@fuzz
@given(data=st.data(), kind=st.sampled_from(list(DOCUMENTS)), name=HOSTILE | NAMES)
def test_a_file_with_one_name_changed(
    store: Store, file: Path, data: st.DataObject, kind: str, name: str
) -> None:
    place = data.draw(st.sampled_from([place for place in PLACES[kind] if place]))
    copy = json.loads(json.dumps(DOCUMENTS[kind]))
    section = at(copy, place[:-1])
    if isinstance(section, dict):
        section[name] = section.pop(place[-1])
    holds(store, file, encoded(copy))


@fuzz
@given(data=st.data(), kind=st.sampled_from(list(DOCUMENTS)), by=st.binary(max_size=3))
def test_a_file_cut_off_or_with_bytes_in_it(
    store: Store, file: Path, data: st.DataObject, kind: str, by: bytes
) -> None:
    whole = encoded(DOCUMENTS[kind]) + b"\n"
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.sampled_from([start, len(whole)]))
    holds(store, file, whole[:start] + by + whole[end:])
    holds(store, file, whole + whole[:start])
