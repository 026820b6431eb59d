"""Several processes on one file: nothing lost, nothing doubled, nothing half."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

from foreign import lm_eval_document

from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.store import open_store, records, seed, writing
from nmviz.store.transfer.importing import import_file
from nmviz.store.transfer.jsonl import write_jsonl

PROCESSES = 8
OF_EACH = 12
METRICS = ("delta_nll", "kl", "drift", "rel_error", "average_drop")
forked = multiprocessing.get_context("forkserver")  # from a process that opened no database
forked.set_forkserver_preload(["nmviz.store.transfer.importing", "nmviz.store.seed"])


def make(writer: int, number: int) -> Result:
    return Result(
        experiment=Experiment(seed=number),
        measurements=tuple(
            Measurement(metric=metric, value=float(writer), n=number) for metric in METRICS
        ),
        provenance=Provenance(source="nmviz", artefacts={"model": "a" * 64}),
    )


def write_many(address: str, folder: Path, writer: int, start) -> None:
    """Opens the file as all others do at that moment, seeds it, and writes its own and shared."""
    start.wait()
    with open_store(address) as store:
        seed.build(store, folder)
        for number in range(OF_EACH):
            assert store.put(make(writer, number))
            store.put(make(PROCESSES, number))  # every process writes these
            assert store.get(make(writer, number).key) is not None


def import_many(address: str, own: Path, shared: list[Path], start, added) -> None:
    """Imports its own file and the ones that all others import at that moment."""
    start.wait()
    with open_store(address) as store:
        assert import_file(store, own).added == OF_EACH
        for file in shared:
            report = import_file(store, file)
            with added.get_lock():
                added.value += report.added
        assert import_file(store, own).added == 0


def write_for_ever(address: str, writer: int, under_way) -> None:
    with open_store(address) as store:
        number = 0
        while True:
            store.put(make(writer, number))
            number += 1
            under_way.set()


def write_half(address: str, under_way) -> None:
    with open_store(address) as store, store.writing() as connection:
        writing.add(connection, records.pack(make(1, 1)), own=True)
        under_way.set()
        time.sleep(60)


def run_together(target, arguments: list[tuple]) -> None:
    workers = [forked.Process(target=target, args=given) for given in arguments]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * len(workers)


def test_eight_processes_lose_and_double_nothing(address: str, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    shipped = [make(100, number) for number in range(5)]
    write_jsonl(shipped, tmp_path / "runs" / "shipped.jsonl")
    start = forked.Barrier(PROCESSES)
    run_together(write_many, [(address, tmp_path, writer, start) for writer in range(PROCESSES)])
    expected = [
        make(writer, number) for writer in range(PROCESSES + 1) for number in range(OF_EACH)
    ]
    with open_store(address) as store:
        own = store.find(own=True)
        assert len(own) == len(expected)
        assert all(result in own for result in expected)
        assert store.find(seeded=True) == shipped
        assert seed.verify(store, tmp_path) == []
        assert len(store.sources()) == 1


def test_eight_processes_that_import_lose_and_double_nothing(address: str, tmp_path: Path) -> None:
    files = [tmp_path / f"{writer}.jsonl" for writer in range(PROCESSES + 1)]
    for writer, file in enumerate(files):
        write_jsonl([make(writer, number) for number in range(OF_EACH)], file)
    evaluated = tmp_path / "lm-eval.json"
    evaluated.write_text(json.dumps(lm_eval_document()))
    shared = [files.pop(), evaluated]
    start, added = forked.Barrier(PROCESSES), forked.Value("i", 0)
    run_together(
        import_many,
        [(address, file, shared, start, added) for file in files],
    )
    assert added.value == OF_EACH + 1  # one process added each shared result, the others found it
    expected = [
        make(writer, number) for writer in range(PROCESSES + 1) for number in range(OF_EACH)
    ]
    with open_store(address) as store:
        own = store.find(source="nmviz")
        assert len(own) == len(expected)
        assert all(result in own for result in expected)
        assert len(store.find()) == len(expected) + 1
        assert len(store.sources()) == 2
        assert seed.verify(store, tmp_path / "none") == []


def kill(worker) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(30)


def test_a_killed_writer_leaves_no_half_result(address: str) -> None:
    open_store(address).close()
    under_way = forked.Event()
    worker = forked.Process(target=write_half, args=(address, under_way))
    worker.start()
    assert under_way.wait(60)
    kill(worker)
    with open_store(address) as store:
        assert store.note is None
        assert store.find() == []
        assert store.put(make(1, 1))
        assert store.find() == [make(1, 1)]


def test_writers_killed_at_any_moment_leave_whole_results(address: str, tmp_path: Path) -> None:
    for writer in range(3):
        under_way = forked.Event()
        worker = forked.Process(target=write_for_ever, args=(address, writer, under_way))
        worker.start()
        assert under_way.wait(60)
        time.sleep(0.05 * (writer + 1))
        kill(worker)
    with open_store(address) as store:
        found = store.find()
        assert {result.measurements[0].value for result in found} == {0.0, 1.0, 2.0}
        assert all(len(result.measurements) == len(METRICS) for result in found)
        assert seed.verify(store, tmp_path / "none") == []
