"""Sweeps on a tiny model: plan, run, go on, fail, write, and what the command says of it."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import Run, in_process

from nmviz import service
from nmviz.base.errors import StorageError, UserError
from nmviz.core.experiment import Experiment
from nmviz.core.grids import Grid, parse_grid
from nmviz.core.results import Progress, Result
from nmviz.core.running import Running
from nmviz.engine.measure import runner
from nmviz.engine.stream.run import StreamedRun
from nmviz.service import schedules
from nmviz.service import sweep as sweeping
from nmviz.service.sweep import Outcome, sweep
from nmviz.store import Store
from nmviz.store.alone import alone
from nmviz.store.transfer.jsonl import read_jsonl

TEXT = "The town stands on both banks of the river. Bread is made from flour and water. " * 40
GRID = """
shared: {{model: "{model}", corpus: wikitext-2, tokens: 128, window: 64}}
grids:
  - {{target: weight, pattern: [2:4, 8:16]}}
  - {{pattern: [2:4, 8:16, 16:32, 50%], criterion: [magnitude, wina]}}
"""
COUNT = 10


@pytest.fixture(autouse=True)
def own_places(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text and a store of their own."""
    (tmp_path / "wiki.test.raw").write_text(TEXT)
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a model is much slower on two busy cores than on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def grid(tiny_model: Path) -> Grid:
    return parse_grid(GRID.format(model=tiny_model), "grid.yaml")


def outcomes(grid: Grid, **options: Any) -> list[Outcome]:
    events = sweep(schedules.schedule(grid, **options))
    return [event for event in events if isinstance(event, Outcome)]


def breaking(monkeypatch: pytest.MonkeyPatch, error: Exception, criterion: str) -> list[int]:
    """Make every run with that criterion fail; the sizes of the runs that were begun."""
    begun: list[int] = []

    def broken(measure: Callable[[Any], Iterator[Progress]]) -> Callable[[Any], Iterator[Progress]]:
        def measured(self: Any) -> Iterator[Progress]:
            begun.append(len(self.experiments))
            if any(experiment.criterion == criterion for experiment in self.experiments):
                raise error
            yield from measure(self)

        return measured

    for kind in (runner.Run, StreamedRun):  # by window, and by block
        monkeypatch.setattr(kind, "_measure", broken(kind._measure))
    return begun


def test_a_plan_groups_what_shares_a_dense_pass(grid: Grid) -> None:
    plan = schedules.schedule(grid)
    assert [len(group) for group in plan.groups] == [2, 8]
    assert (plan.done, plan.failed, plan.left_out) == ((), (), ())
    told = schedules.estimate_groups(plan.groups, plan.how)
    assert (told.seconds, told.unknown) == (0.0, COUNT)
    by_methods = [experiment.criterion for experiment in plan.to_do[2:]]
    assert by_methods == ["magnitude"] * 4 + ["wina"] * 4


def test_what_does_not_fit_the_model_is_left_out(tiny_model: Path) -> None:
    text = GRID.format(model=tiny_model) + "  - {pattern: [3:48, 2:4], blocks: [9, 0-2]}"
    plan = schedules.schedule(parse_grid(text, "grid.yaml"))
    assert len(plan.to_do) == COUNT  # 2:4 on blocks 0-2 is 2:4 on all of them
    assert len(plan.left_out) == 3
    assert any("not a multiple of 48" in one.reason for one in plan.left_out)
    with pytest.raises(UserError, match="No combination is an experiment"):
        schedules.schedule(parse_grid("grids: [{pattern: 5:4}]", "grid.yaml"))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ("corpus: wikitext2", "did you mean wikitext-2"),
        ("corpus: text", "no text of its own"),
        ("model: /no/such/folder", "There is no folder or GGUF file /no/such/folder"),
        ("model: llama2-7b", "published results alone"),
    ],
)
def test_a_source_that_is_not_there_is_told_at_once(fields: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        schedules.schedule(parse_grid(f"grids: [{{{fields}, pattern: [2:4, 8:16]}}]", "grid.yaml"))


def test_each_is_stored_once_and_the_next_start_goes_on(grid: Grid) -> None:
    events = sweep(schedules.schedule(grid))
    first = next(event for event in events if isinstance(event, Outcome))
    events.close()  # type: ignore[attr-defined]
    assert service.store().get(first.experiment.key) == first.result
    assert len(schedules.schedule(grid).to_do) == COUNT - 1
    rest = outcomes(grid)
    assert first.experiment.key not in {outcome.experiment.key for outcome in rest}
    assert len(rest) == COUNT - 1
    assert outcomes(grid) == []
    assert len(service.store().find(own=True)) == COUNT
    again = parse_grid("grids: [{pattern: 2:4}]", "grid.yaml")
    assert schedules.estimate_groups(schedules.schedule(again).groups, schedules.QUICK).unknown == 1


def test_a_result_does_not_depend_on_what_is_measured_with_it(grid: Grid) -> None:
    together = {outcome.experiment.key: outcome.result for outcome in outcomes(grid)}
    for experiment in schedules.schedule(grid).done:
        *_, alone_ = service.run([experiment], how=Running(rerun=True, keep=False))
        found = together[experiment.key]
        assert found is not None
        assert alone_.results[0].measurements == found.measurements


def test_errors_of_layers_are_from_a_sample_until_they_are_asked_for(grid: Grid) -> None:
    found = {outcome.experiment.key: outcome.result for outcome in outcomes(grid)}
    assert all(result is not None and result.sampled for result in found.values())
    assert schedules.schedule(grid).to_do == ()
    assert len(schedules.schedule(grid, Running()).to_do) == COUNT
    one, *others = schedules.schedule(grid).done
    assert service.lookup(one) == found[one.key]
    *_, ran = service.run([one])  # which gives exact ones, and so measures again
    assert not ran.from_store and not ran.results[0].sampled
    assert service.lookup(one) == ran.results[0]
    *_, again = service.run([one], how=Running(rerun=True, exact_errors=False))
    assert again.results[0].sampled
    assert service.lookup(one) == ran.results[0]  # never replaced by a sample that came later
    assert len(schedules.schedule(grid, Running()).to_do) == len(others)
    exact = sweep(schedules.schedule(grid, Running()))
    assert all(not end.result.sampled for end in exact if isinstance(end, Outcome))  # type: ignore[union-attr]
    assert schedules.schedule(grid, Running()).to_do == ()


NO_MEMORY = (
    "The memory of this machine does not do for this with {}: shorten the window or the text, or "
    "choose a smaller model."
)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UserError("Too many windows: ask for fewer."), "Too many windows: ask for fewer."),
        (RuntimeError("no\nconvergence"), "RuntimeError: no convergence"),
        (MemoryError(), NO_MEMORY),
        (ValueError("a bug"), "ValueError: a bug"),
    ],
)
def test_a_failure_takes_no_other_down_and_is_not_tried_for_ever(
    grid: Grid, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    begun = breaking(monkeypatch, error, "wina")
    ended = outcomes(grid)
    failed = [outcome.failure for outcome in ended if outcome.failure]
    model = grid.experiments()[0][0].model
    assert [(f.reason, f.tries) for f in failed] == [(reason.format(model), 1)] * 4
    assert len(service.store().find(own=True)) == COUNT - 4
    assert begun == [2, 8, *[1] * 8]

    assert len(outcomes(grid)) == 4  # tried a second time
    assert outcomes(grid) == []  # and never again
    plan = schedules.schedule(grid)
    assert [(one.criterion, f.tries) for one, f in plan.failed] == [("wina", 2)] * 4
    assert (len(plan.done), plan.to_do) == (COUNT - 4, ())

    monkeypatch.undo()
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(Path(service.store().place).parent))
    assert all(outcome.result for outcome in outcomes(grid, retry_failed=True))
    assert schedules.schedule(grid).failed == ()


def test_a_result_that_is_no_number_is_a_failure(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Store, result: Result) -> bool:
        raise UserError("It holds a number that is not finite.")

    monkeypatch.setattr(Store, "put", refuse)
    assert {o.failure.reason for o in outcomes(grid) if o.failure} == {
        "It holds a number that is not finite."
    }


@pytest.mark.parametrize("error", [StorageError("The disk is full."), OSError(28, "No space left")])
def test_a_disk_that_fails_ends_the_sweep(
    grid: Grid, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    breaking(monkeypatch, error, "magnitude")
    with pytest.raises(StorageError, match=r"full|No space"):
        outcomes(grid)
    monkeypatch.undo()
    assert not service.store().beside("failures.jsonl").exists()


def test_a_second_sweep_is_refused(grid: Grid) -> None:
    with alone(service.store()), pytest.raises(UserError, match="Another sweep"):
        outcomes(grid)


@pytest.fixture
def command(
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """`nmviz sweep grid.yaml ARGUMENTS`: exit status, stdout, stderr."""
    file = tmp_path / "grid.yaml"
    file.write_text(GRID.format(model=tiny_model))

    return in_process(monkeypatch, capsys, "sweep", file)


def test_the_command_plans_runs_and_writes(command: Run, tmp_path: Path) -> None:
    status, out, _ = command("--dry-run", "--json")
    planned = json.loads(out)
    assert status == 0
    assert planned["counts"] == {"done": 0, "to_do": COUNT, "failed": 0, "left_out": 0}
    assert "10 to do" in command("--plan")[1]

    written = tmp_path / "runs.jsonl"
    status, out, err = command("--json", "--out", str(written))
    assert status == 0
    assert sorted(json.loads(out)["done"]) == sorted(planned["to_do"])
    rows = [line for line in err.splitlines() if line.startswith("done ")]
    assert len(rows) == COUNT
    assert all(row.endswith(" s") for row in rows)
    assert [result.key for result in read_jsonl(written)] == sorted(planned["to_do"])

    before = written.read_bytes()
    status, out, err = command("--resume", "--out", str(written))
    assert (status, out.strip()) == (0, "10 done, 0 failed. 10 results written to runs.jsonl.")
    assert written.read_bytes() == before


def test_the_command_tells_failures(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(monkeypatch, RuntimeError("no convergence"), "wina")
    status, out, err = command()
    assert status == 1
    assert "6 done, 4 failed. The next start tries 4 of them again." in out
    assert err.count("RuntimeError: no convergence") == 4
    status, out, _ = command("--json")
    found = json.loads(out)
    assert found["counts"] == {"done": 6, "to_do": 0, "failed": 4, "left_out": 0}
    assert {(f["reason"], f["tries"]) for f in found["failed"]} == {
        ("RuntimeError: no convergence", 2)
    }


def test_a_sweep_that_is_stopped_says_how_to_go_on(
    command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any, **__: Any) -> Iterator[Progress]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(sweeping, "run", stopped)
    status, out, err = command()
    assert (status, out) == (130, "")
    assert "the same command goes on from there" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--plan", "--out", "x.jsonl"), "leave out --plan or --out"),
        (("--out", "runs.csv"), "name a .jsonl file"),
        (("--out", "/no/such/folder/runs.jsonl"), "folder that exists"),
        (("--device", "nowhere"), "no device 'nowhere' on this machine"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    command: Run, arguments: tuple[str, ...], says: str
) -> None:
    status, out, err = command(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert not service.store().beside("failures.jsonl").exists(), "no experiment's failure"


def test_a_folder_in_the_way_of_what_is_written_is_told_first(
    command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.jsonl").mkdir()
    status, out, err = command("--out", str(tmp_path / "x.jsonl"))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "name a .jsonl file" in err
    may = os.access  # root may write anywhere
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and may(path, mode))
    status, out, err = command("--out", str(tmp_path / "runs.jsonl"))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "a folder that you may write to" in err


def test_experiments_are_named_with_their_scope() -> None:
    one = Experiment.build(mitigations="d-pts,var", projections="q,k", blocks="0-3")
    said = "smollm2-135m activation 8:16 magnitude + d-pts + var q,k blocks 0-3"
    assert schedules.in_words(one) == said
