"""`nmviz sweep`: the schedule, a table that grows as experiments end, and what came of it."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nmviz.base.errors import UserError
from nmviz.base.validation import built
from nmviz.base.wording import counted, first_of
from nmviz.cli.options import STOPPED, Json, Memory, bound_of, fields_of, options_of
from nmviz.cli.sweep_table import Event, Table, in_hours
from nmviz.core.grids import read_grid
from nmviz.core.running import Running
from nmviz.service import schedules
from nmviz.service.cluster import sweeping
from nmviz.service.cluster.asked import Asked, Spread
from nmviz.service.schedules import Group, Schedule, in_words
from nmviz.service.sweep import sweep as measure
from nmviz.store.transfer.jsonl import write_jsonl

SOME_FAILED = 1  # exit status when experiments failed
RAY = "ray"


@options_of(how=fields_of(Running, "device", "noise_floor"), where=fields_of(Asked))
def sweep(
    file: Annotated[Path, typer.Argument(metavar="GRID.yaml", help="See the README.")],
    how: dict[str, Any],
    where: dict[str, Any],
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
    memory: Memory = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the grid's results, once measured, to a .jsonl file.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="ray", help="Spread it over workers of Ray.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a grid of experiments; what is stored already is not measured again."""
    _check_out(out, only_schedule)
    asked = _asked(on, where)
    grid = read_grid(file)
    once = {"exact_errors": exact_errors, "keep_passes": False, "partial_results": False}
    running = built(Running, how | once | {"memory": bound_of(memory, asked is None)})
    schedule = schedules.schedule(grid, running, retry_failed=retry_failed)
    if only_schedule:
        spread = None if asked is None else sweeping.planned(schedule, asked)
        print(_plan_json(schedule, spread) if as_json else _plan_text(schedule, spread))
        return
    events = measure(schedule) if asked is None else sweeping.sweep(schedule, asked)
    print(_schedule_text(schedule), file=sys.stderr)
    _run(schedule, events)
    ended = schedules.schedule(grid, running)
    if out is not None:
        write_jsonl(schedules.stored_results(ended), out)
    print(json.dumps(_schedule_json(ended)) if as_json else _end_text(ended, out))
    if ended.to_do or ended.failed:
        raise typer.Exit(SOME_FAILED)


def _asked(on: str | None, where: dict[str, Any]) -> Asked | None:
    """How it is spread; None for this process alone. UserError for what does not go together."""
    asked = built(Asked, where)
    if on is None and asked != Asked():
        raise UserError("--address, --workers, --cpus and --gpus go with --on ray: add it.")
    if on not in (None, RAY):
        raise UserError(f"A sweep runs here or --on ray, not on {on[:40]!r}: leave --on out.")
    return None if on is None else asked


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


def _plan_text(schedule: Schedule, spread: Spread | None) -> str:
    """The schedule, and behind it how it is spread."""
    text = _schedule_text(schedule)
    return text if spread is None else f"{text}\n{_spread_text(spread)}"


def _spread_text(spread: Spread) -> str:
    """Workers, their share, and where there is room for them now."""
    tasks, workers = counted(spread.tasks, "task"), counted(spread.workers, "worker")
    each = -(-spread.tasks // max(1, spread.workers))
    rooms = [f"{node.room(spread.asked)} on {node.name}" for node in spread.nodes]
    return (
        f"  on Ray     {tasks} for {workers} of {spread.asked.in_words}, {each} each at most; room "
        f"for {first_of(rooms)}"
    )


def _plan_json(schedule: Schedule, spread: Spread | None) -> str:
    said = _schedule_json(schedule)
    if spread is not None:
        nodes = [{**asdict(node), "room": node.room(spread.asked)} for node in spread.nodes]
        said["spread"] = {"tasks": spread.tasks, "workers": spread.workers, "nodes": nodes}
    return json.dumps(said)


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
    return f" It takes about {in_hours(told.seconds)}{more}."


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
