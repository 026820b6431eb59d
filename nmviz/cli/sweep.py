"""`nmviz sweep`: the schedule, a table that grows as experiments end, and what came of it."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer
from tqdm import tqdm

from nmviz.base.errors import UserError
from nmviz.base.validation import built
from nmviz.cli.options import STOPPED, Json, fields_of, options_of
from nmviz.core.grids import read_grid
from nmviz.core.pairing import mean_error
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.service import schedules
from nmviz.service.schedules import Estimate, Group, Schedule, in_words
from nmviz.service.sweep import Event, Outcome, Working
from nmviz.service.sweep import sweep as measure
from nmviz.store.transfer.jsonl import write_jsonl

SOME_FAILED = 1  # exit status when experiments failed
ROW = "{:6} {:54} {:>20} {:>9}"


@options_of(how=fields_of(Running, "device", "noise_floor"))
def sweep(
    file: Annotated[Path, typer.Argument(metavar="GRID.yaml", help="See the README.")],
    how: dict[str, Any],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where it was: every start does.")
    ] = False,
    only_schedule: Annotated[
        bool, typer.Option("--plan", "--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Also what failed twice before.")
    ] = False,
    exact_errors: Annotated[
        bool,
        typer.Option(
            "--exact-errors",
            help="Errors of layers from every token, not from a sample: twice the time.",
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the grid's results, once measured, to a .jsonl file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a grid of experiments; what is stored already is not measured again."""
    _check_out(out, only_schedule)
    grid = read_grid(file)
    once = {"exact_errors": exact_errors, "keep_passes": False, "partial_results": False}
    running = built(Running, how | once)
    schedule = schedules.schedule(grid, running, retry_failed=retry_failed)
    if only_schedule:
        print(json.dumps(_schedule_json(schedule)) if as_json else _schedule_text(schedule))
        return
    events = measure(schedule)
    print(_schedule_text(schedule), file=sys.stderr)
    _run(schedule, events)
    ended = schedules.schedule(grid, running)
    if out is not None:
        write_jsonl(schedules.stored_results(ended), out)
    print(json.dumps(_schedule_json(ended)) if as_json else _end_text(ended, out))
    if ended.to_do or ended.failed:
        raise typer.Exit(SOME_FAILED)


def _check_out(out: Path | None, only_schedule: bool) -> None:
    """A file that cannot be written is told before hours of measuring, not after."""
    if out is None:
        return
    if only_schedule:
        raise UserError("A schedule has no results to write: leave out --plan or --out.")
    folder = out.absolute().parent
    if out.suffix.lower() != ".jsonl" or out.is_dir() or not folder.is_dir():
        raise UserError(f"{out} cannot be written: name a .jsonl file in a folder that exists.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{out} cannot be written: name a folder that you may write to.")


def _run(schedule: Schedule, events: Iterator[Event]) -> None:
    """Follow the sweep: a line for each experiment that ends, and below it what is at work."""
    if not schedule.to_do:
        return
    with Table(schedule) as table:
        try:
            for event in events:
                table.show(event)
        except KeyboardInterrupt:
            table.line("Stopped. What ended is stored; the same command goes on from there.")
            raise typer.Exit(STOPPED) from None


class Table:
    """The rows on stderr, and where a person watches a last line that moves."""

    def __init__(self, schedule: Schedule) -> None:
        self._waiting, self._how = list(schedule.groups), schedule.how
        self._bar = tqdm(
            total=len(schedule.to_do),
            disable=None,
            leave=False,
            file=sys.stderr,
            bar_format="{n_fmt} of {total_fmt} {bar:20} {desc}",
        )
        self._left = ""

    def __enter__(self) -> "Table":
        self.line(ROW.format("state", "experiment", "nats a token, or acc", "time"))
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.close()

    def line(self, text: str) -> None:
        """A row that stays."""
        tqdm.write(text.rstrip(), file=sys.stderr)

    def show(self, event: Event) -> None:
        """What an event changes."""
        if isinstance(event, Working):
            self._working(event)
        else:
            self._ended(event)

    def _working(self, event: Working) -> None:
        if event.group in self._waiting:
            self._waiting.remove(event.group)
            if not self._bar.disable:
                waiting = [event.group, *self._waiting]
                self._left = _time_left(schedules.estimate_groups(waiting, self._how))
        more = f" and {len(event.group) - 1} more" if len(event.group) > 1 else ""
        share = event.progress.part
        what = f"{in_words(event.group[0])}{more}: {event.progress.stage}"
        self._bar.set_description_str(f"{what} {share:.0%}{self._left}")

    def _ended(self, event: Outcome) -> None:
        name = in_words(event.experiment)
        if event.result is not None:
            seconds = (event.result.provenance.seconds or 0) / event.together
            row = ROW.format("done", name, _cost(event.result), f"{seconds:,.1f} s")
            self.line(row)
        elif event.failure is not None:
            self.line(f"{ROW.format('failed', name, '', '').rstrip()}: {event.failure.reason}")
        self._bar.update(1)


def _cost(result: Result) -> str:
    """What pruning costs with its standard error, or the accuracy, as a mean over tasks; the first
    thing measured where there is neither."""
    levels = [one for task in result.experiment.tasks if (one := result.get("acc", task))]
    if levels:
        return f"acc {fmean(one.value for one in levels):.3f}{_plus_minus(mean_error(levels))}"
    number = result.get("delta_nll") or next(iter(result.measurements), None)
    if number is None:
        return ""
    name = "" if number.metric == "delta_nll" else f"{number.task or number.metric} "
    return f"{name}{number.value:.3f}{_plus_minus(number.stderr)}"


def _plus_minus(error: float | None) -> str:
    return "" if error is None else f" ± {error:.3f}"


def _schedule_text(schedule: Schedule) -> str:
    """Counts, the time it takes, and everything left out or passed over with its reason."""
    lines = [
        f"{len(schedule.done)} done, {len(schedule.to_do)} to do, {len(schedule.failed)} failed "
        f"and passed over, {len(schedule.left_out)} left out.{_duration(schedule)}"
    ]
    lines += [f"  to do      {_named(group)}" for group in schedule.groups]
    lines += [f"  failed     {in_words(one)}: {why.reason}" for one, why in schedule.failed]
    reasons: dict[str, list[str]] = {}
    for one in schedule.left_out:
        reasons.setdefault(one.reason, []).append(one.what)
    lines += [f"  left out   {_some(whats)}: {reason}" for reason, whats in reasons.items()]
    return "\n".join(lines)


def _some(whats: Sequence[str]) -> str:
    return whats[0] + (f" and {len(whats) - 1} more" if len(whats) > 1 else "")


def _named(group: Group) -> str:
    """A group on one line, what its experiments share said once."""
    first, *others = map(in_words, group)
    start = f"{group[0].model} {group[0].target} "
    return "; ".join([first, *(other.removeprefix(start) for other in others)])


def _duration(schedule: Schedule) -> str:
    if not schedule.groups:
        return ""
    told = schedules.estimate_groups(schedule.groups, schedule.how)
    if not told.seconds:
        return " How long it takes is known once the first of them has run here."
    more = f", and {told.unknown} more of a kind that was never run here" if told.unknown else ""
    return f" It takes about {_in_hours(told.seconds)}{more}."


def _time_left(told: Estimate) -> str:
    """For the line that moves; empty where nothing is known."""
    if not told.seconds:
        return ""
    return f", {'more than' if told.unknown else 'about'} {_in_hours(told.seconds)} left"


def _in_hours(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _end_text(ended: Schedule, out: Path | None) -> str:
    """What came of a sweep, and what to do about failures."""
    failed = len(ended.to_do) + len(ended.failed)
    advice = ""
    if ended.to_do:
        advice = f" The next start tries {len(ended.to_do)} of them again."
    elif ended.failed:
        advice = " --retry-failed tries them again."
    written = f" {len(ended.done)} results written to {out.name}." if out else ""
    return f"{len(ended.done)} done, {failed} failed.{advice}{written}"


def _schedule_json(schedule: Schedule) -> dict[str, Any]:
    """Counts, keys and reasons; `seconds` is what is left to measure, as far as it is known."""
    told = schedules.estimate_groups(schedule.groups, schedule.how)
    counted = ("done", "to_do", "failed", "left_out")
    return {
        "counts": {name: len(getattr(schedule, name)) for name in counted},
        "done": [experiment.key for experiment in schedule.done],
        "to_do": [experiment.key for experiment in schedule.to_do],
        "failed": [asdict(failure) for _, failure in schedule.failed],
        "left_out": [asdict(one) for one in schedule.left_out],
        "seconds": told.seconds,
        "unknown": told.unknown,
    }
