"""What was read from the store holds until something is added that would have been read too."""

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import ask

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.service import claims
from nmviz.store import OWN, Store, open_store, standing, writing
from nmviz.store.records import pack

READINGS: dict[str, Callable[[Store], object]] = {
    "get": lambda store: store.get(of("2:4").key),
    "history": lambda store: store.history(of("2:4").key),
    "pattern": lambda store: store.find(pattern="2:4"),
    "patterns": lambda store: store.find(pattern=["2:4", "1:4"], sites=False),
    "mitigations": lambda store: store.find(mitigations=("var",), source=OWN),
    "corpora": lambda store: store.find(corpus=["wiki-leads", "pride"]),
    "without a corpus": lambda store: store.find(corpus=None),
    "all": lambda store: store.find(),
    "own": lambda store: store.own_runs(),
    "sources": lambda store: store.sources(),
    "names": lambda store: store.names_of_model("1" * 64),
}


def of(pattern: str, *mitigations: str, source: str = OWN) -> Result:
    return Result(
        experiment=Experiment(pattern=pattern, mitigations=mitigations),
        measurements=(Measurement(metric="perplexity", value=19.0),),
        provenance=Provenance(source=source),
    )


def of_tasks(pattern: str) -> Result:
    experiment = Experiment(pattern=pattern, tasks=("piqa",), limit=10)
    return of(pattern).model_copy(update={"experiment": experiment})


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    with open_store(address) as opened:
        opened.put(of("8:16"))
        yield opened


@pytest.mark.parametrize(
    ("reading", "added", "holds"),
    [
        ("get", of("2:4"), False),
        ("own", of("2:4"), False),
        ("own", of("2:4", source="paper"), True),
        ("get", of("4:8"), True),
        ("get", of("2:4", "var"), True),
        ("get", of("2:4", source="paper"), True),
        ("history", of("2:4", source="paper"), False),
        ("history", of("4:8", source="paper"), True),
        ("pattern", of("2:4", "var"), False),
        ("pattern", of("1:4"), True),
        ("patterns", of("1:4"), False),
        ("patterns", of("4:8"), True),
        ("mitigations", of("4:8", "var"), False),
        ("mitigations", of("4:8", "d-pts", "var"), True),
        ("corpora", of("2:4"), False),
        ("corpora", of_tasks("2:4"), True),
        ("without a corpus", of_tasks("2:4"), False),
        ("without a corpus", of("2:4"), True),
        ("all", of("4:8"), False),
        ("sources", of("4:8"), False),
        ("names", of("4:8"), False),
    ],
)
@pytest.mark.parametrize("by_another", [False, True], ids=["here", "by another process"])
def test_it_holds_until_what_it_asked_for_is_added(
    store: Store, address: str, reading: str, added: Result, holds: bool, by_another: bool
) -> None:
    before = store.standing()
    with standing.noting() as read:
        READINGS[reading](store)
    if by_another:
        with open_store(address) as other:
            assert other.put(added)
    else:
        assert store.put(added)
    assert store.standing() != before
    assert store.still_holds(read, before) is holds


def test_what_is_read_meanwhile_may_be_left_out(store: Store) -> None:
    with standing.noting() as read:
        store.get(of("2:4").key)
        with standing.unnoted():
            store.find()
    assert read == [{"key": of("2:4").key, "source": OWN}]


def test_what_is_written_without_a_result_changes_nothing(store: Store, address: str) -> None:
    before = store.standing()
    if address.startswith("sqlite"):
        ask(address, "PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        ask(address, "UPDATE source SET title = title")
    assert not store.put(of("8:16"))  # there already
    assert store.standing() == before
    assert store.still_holds([{}], before)


def test_nothing_holds_when_results_were_marked_or_removed(store: Store) -> None:
    for change in (
        lambda connection: writing.add(connection, pack(of("8:16")), seeded=True),
        lambda connection: writing.remove(connection, [1]),
    ):
        before = store.standing()
        with store.writing() as connection:
            change(connection)
        assert store.standing() != before
        assert not store.still_holds([], before)


def test_it_is_told_of_what_was_added_only_since_then(store: Store) -> None:
    reading = [{"pattern": "2:4"}]
    store.standing()
    store.put(of("2:4"))
    between = store.standing()
    store.put(of("4:8"))
    store.standing()
    assert store.still_holds(reading, between)


def test_nothing_holds_where_more_was_added_than_is_remembered(store: Store) -> None:
    store._added.rows = deque(maxlen=1)
    before = store.standing()
    store.put(of("4:8"))
    store.put(of("1:4"))
    after = store.standing()
    assert not store.still_holds([{"pattern": "2:4"}], before)
    assert store.still_holds([{"pattern": "2:4"}], after)


def test_own_runs_are_those_of_now_whoever_added_them(store: Store, address: str) -> None:
    def found() -> list[Result]:
        return store.find(source=OWN, sites=False)

    assert list(store.own_runs()) == found()
    store.put(of("2:4"))
    store.put(of("2:4", source="paper"))
    assert [one.experiment.pattern for one in store.own_runs()] == ["8:16", "2:4"]
    with open_store(address) as another:
        another.put(of("1:4"))
    assert list(store.own_runs()) == found()
    assert len(found()) == 3


def test_own_runs_are_read_once_while_nothing_is_added(store: Store) -> None:
    assert store.own_runs() is store.own_runs()
    store.put(of("2:4"))
    assert store.own_runs() is store.own_runs()


def test_what_is_without_a_corpus_is_found(store: Store) -> None:
    asked = of_tasks("2:4")
    store.put(asked)
    assert [one.key for one in store.find(corpus=None)] == [asked.key]


@pytest.mark.parametrize(
    ("pattern", "criterion", "holds"),
    [("6:16", "magnitude", True), ("2:4", "wina", True), ("2:4", "clact", False)],
)
def test_a_run_that_no_claim_asks_for_leaves_their_answers(
    own_store: Path, pattern: str, criterion: str, holds: bool
) -> None:
    before = service.store().standing()
    with standing.noting() as read:
        claims.answers()
    one = Experiment(pattern=pattern, criterion=criterion)
    service.store().put(of(pattern).model_copy(update={"experiment": one}))
    assert service.store().standing() != before
    assert service.store().still_holds(read, before) is holds


def test_a_run_on_a_text_leaves_the_answers_on_tasks(own_store: Path) -> None:
    asked = Experiment(pattern="8:16", tasks=("arc_easy", "boolq", "piqa", "winogrande"), limit=100)
    before = service.store().standing()
    with standing.noting() as read:
        assert service.same_questions(asked)
    for added, holds in ((of("6:16"), True), (of_tasks("6:16"), False)):
        service.store().put(added)
        assert service.store().standing() != before
        assert service.store().still_holds(read, before) is holds
