"""What cannot be in a result: refused on import, named by verify, and never an answer."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.results import BlockDrift, Measurement, Provenance, Result, SiteError
from nmviz.store import Store, open_store, seed
from nmviz.store.records import pack
from nmviz.store.transfer.importing import import_file

SITE = {"name": "m.0.q", "block": 0, "projection": "q", "rel_error": 0.1, "kept": 0.5}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.sqlite") as opened:
        yield opened


def make(value: float = 19.0, started: str = "2026-05-01T00:00:00+00:00", **fields: Any) -> Result:
    return Result(
        experiment=Experiment(),
        measurements=(Measurement(metric="perplexity", value=value),),
        sites=(SiteError(**SITE),),
        drift=(BlockDrift(block=0, drift=0.25),),
        provenance=Provenance(source="nmviz", started=started),
        **fields,
    )


def line(**changes: Any) -> str:
    return json.dumps({**json.loads(pack(make()).text), **changes})


ACC = {"metric": "acc", "task": "piqa", "value": 0.5, "n": 8}
IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    (
        {"sites": [{**SITE, "kept": 27.5}]},
        "kept of m.0.q is 27.5, and a share lies between 0 and 1",
    ),
    ({"sites": [{**SITE, "rel_error": -3}]}, "rel_error of m.0.q is -3, and none is below 0"),
    (
        {"sites": [{**SITE, "stderr": -0.1, "n": 4}]},
        "the error of m.0.q is -0.1 uncertain, which cannot be",
    ),
    (
        {"sites": [{**SITE, "stderr": 0.1}]},
        "the error of m.0.q has not both a standard error and a count",
    ),
    (
        {"sites": [{**SITE, "stderr": 0.1, "n": 0}]},
        "the error of m.0.q has not both a standard error and a count",
    ),
    ({"drift": [{"block": 4, "drift": -1}]}, "drift of block 4 is -1, and none is below 0"),
    (
        {"measurements": [{**ACC, "stderr": 1.7e9}]},
        "the standard error of acc of piqa is 1.7e+09, and none is above 0.5",
    ),
    ({"measurements": [ACC, ACC]}, "acc of piqa stands there 2 times"),
    ({"sites": [SITE, SITE, SITE]}, "the layer m.0.q stands there 3 times"),
    ({"drift": [{"block": 0, "drift": 0.1}] * 2}, "the drift of block 0 stands there 2 times"),
    (
        {"provenance": {"source": "nmviz", "started": "2999-01-01T00:00:00+00:00"}},
        "it says it was measured on 2999-01-01T00:00:00+00:00, which is to come",
    ),
    ({"provenance": {"source": "nmviz", "seconds": -5.0}}, "it took -5 seconds, which is no time"),
    ({"measurements": [{"metric": "perplexity", "value": 0.5}]}, "perplexity is 0.5, and"),
    ({"measurements": [{"metric": "kl", "value": -0.1}]}, "kl is -0.1, and none is below 0"),
    ({"token_counts": [{"metric": "acc", "counts": [1]}]}, "a quantity that is not known here"),
    ({"token_counts": [{"metric": "kl", "counts": [1]}]}, "in other bins than there are"),
    (
        {"token_counts": [{"metric": "delta_p", "counts": [1, -1, *[0] * 38]}]},
        "a count of tokens by delta_p is below 0",
    ),
    (
        {"token_counts": [{"metric": "delta_p", "counts": [0] * 40}] * 2},
        "the counts of tokens by delta_p stands there 2 times",
    ),
    ({"measurements": [{"metric": "kl_max", "value": -0.1}]}, "kl_max is -0.1, and none is below"),
    ({"measurements": [{"metric": "delta_p_min", "value": -1.1}]}, "lies between -1 and 1"),
    ({"measurements": [{"metric": "average_drop", "value": 101}]}, "none is above 100"),
    ({"measurements": [{"metric": "acc_difference", "value": -1.5}]}, "lies between -1 and 1"),
]


@pytest.mark.parametrize(("changes", "words"), IMPOSSIBLE, ids=[words for _, words in IMPOSSIBLE])
def test_what_cannot_be_is_refused_with_its_line(
    store: Store, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    file = tmp_path / "given.jsonl"
    file.write_text(f"{pack(make(20.0)).text}\n{line(**changes)}\n")
    with pytest.raises(UserError) as refusal:
        import_file(store, file)
    assert str(refusal.value).startswith("given.jsonl, line 2 is refused: ")
    assert words in str(refusal.value)
    assert store.find() == []


@pytest.mark.parametrize(("changes", "words"), IMPOSSIBLE, ids=[words for _, words in IMPOSSIBLE])
def test_what_an_older_version_took_is_named(
    store: Store, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    store.put(Result.model_validate_json(line(**changes)))
    (problem,) = seed.verify(store, tmp_path)
    assert problem.startswith("result 1 cannot be: ") and words in problem


def test_every_quantity_takes_its_ends_and_nothing_beyond() -> None:
    for metric in METRICS.values():
        for end, step in ((metric.low, -1), (metric.high, 1)):
            if abs(end) < float("inf"):
                assert metric.fault(end) is None
                assert metric.fault(end + step)
        assert metric.fault(float("nan")) == metric.fault(float("inf")) == "is not a finite number"
        assert metric.stderr_fault(-1.0)


def imported(store: Store, result: Result, tmp_path: Path) -> None:
    file = tmp_path / "given.jsonl"
    file.write_text(pack(result).text + "\n")
    import_file(store, file)


def test_what_was_measured_here_comes_before_what_was_imported(
    store: Store, tmp_path: Path
) -> None:
    newer, mine = make(20.0, "2026-06-01T00:00:00+00:00"), make(21.0, "2026-05-01T00:00:00+00:00")
    imported(store, newer, tmp_path)
    assert store.get(newer.key) == newer
    store.put(mine)
    assert store.get(mine.key) == mine == store.find(key=mine.key)[-1]
    store.put(newer)  # the very same, measured here
    assert store.get(mine.key) == newer


def test_a_date_that_is_to_come_answers_only_where_nothing_else_does(store: Store) -> None:
    future, now = make(20.0, "2999-01-01T00:00:00+00:00"), make(21.0)
    store.put(future)
    assert store.get(future.key) == future
    store.put(now)
    assert store.get(now.key) == now == store.find(key=now.key)[-1]


def edited(store: Store, statement: str, *given: str) -> None:
    with sqlite3.connect(store.place) as connection:
        connection.execute(statement, given)


def swap(result: Result, other: Experiment) -> tuple[str, str, str]:
    statement = "UPDATE experiment SET canonical = ? WHERE key = ?"
    return statement, other.canonical_json(), result.key


def reuse(result: Result, other: Experiment) -> tuple[str, str, str]:
    statement = "UPDATE experiment SET canonical = replace(canonical, '8:16', ?) WHERE key = ?"
    return statement, other.pattern, result.key


@pytest.mark.parametrize("edit", [swap, reuse])
def test_a_row_of_another_question_is_no_answer(
    store: Store, tmp_path: Path, edit: Callable[[Result, Experiment], tuple[str, ...]]
) -> None:
    result = make()
    store.put(result)
    edited(store, *edit(result, Experiment(pattern="2:4")))
    assert store.get(result.key) is None
    assert store.find() == store.history(result.key) == []
    problems = seed.verify(store, tmp_path)
    assert any(result.key[:12] in problem for problem in problems)
    assert "result 1 cannot be read: its experiment is not the one that its key is of." in problems


def test_an_answer_that_cannot_be_read_hides_no_other(store: Store) -> None:
    older, newer = make(20.0, "2026-05-01T00:00:00+00:00"), make(21.0, "2026-06-01T00:00:00+00:00")
    store.put(older)
    store.put(newer)
    edited(store, "UPDATE result SET provenance = '{' WHERE started > '2026-05-15'")
    assert store.get(older.key) == older
