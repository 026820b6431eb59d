"""Running a sweep: one group after another, every result and every failure kept at once."""

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from nmviz.base.errors import StorageError, UserError
from nmviz.base.stepping import each
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress, Result
from nmviz.core.running import Running
from nmviz.service import tasks
from nmviz.service.runs import run, store
from nmviz.service.schedules import Group, Schedule, answered
from nmviz.store.alone import alone, taking
from nmviz.store.failures import Failure, Failures

LONGEST_REASON = 300  # characters
PAUSE = 1.0
"""Seconds before it is looked again whether another sweep still measures a group."""
ELSEWHERE = "another sweep measures it"


@dataclass(frozen=True)
class Working:
    """A group is being measured."""

    group: Group
    progress: Progress


@dataclass(frozen=True)
class Failed:
    """An experiment failed, which is not written down yet."""

    experiment: Experiment
    reason: str


@dataclass(frozen=True)
class Outcome:
    """One experiment has come to its end: its result is stored, or its failure written down."""

    experiment: Experiment
    result: Result | None = None
    failure: Failure | None = None
    together: int = 1  # experiments that were measured with it, itself included
    elsewhere: bool = False  # measured by another sweep meanwhile


Event = Working | Outcome
Step = Event | Failed


def sweep(schedule: Schedule) -> Iterator[Event]:
    """Measure what is to do, in the schedule's order. May be left or killed at any moment.

    UserError at once for a device that is not there, which is no experiment's failure, and, once it
    begins, when another sweep is at work on a SQLite store; StorageError when the disk or the
    database fails. What fails in one experiment is its failure, and the sweep goes on. What other
    sweeps are measuring, on PostgreSQL, it leaves to them, and waits for them in the end.
    """
    if schedule.groups:
        from nmviz.engine.load.loading import check_device

        check_device(schedule.how.device)
    return _sweep(schedule)


def _sweep(schedule: Schedule) -> Iterator[Event]:
    with alone(store()):
        waiting = deque(schedule.groups)
        while waiting:
            taken = yield from each(measured(waiting.popleft(), schedule.how), _written_down)
            if taken:
                waiting.append(taken)


def _written_down(step: Step) -> Event:
    return note(step) if isinstance(step, Failed) else step


def note(failed: Failed) -> Outcome:
    """Write a failure into the journal of this machine."""
    failure = Failures(store()).add(failed.experiment, failed.reason)
    return Outcome(failed.experiment, failure=failure)


def measured(group: Group, how: Running) -> Generator[Step, None, Group]:
    """Measure a group, and store its results. What it gives in the end are those of its experiments
    that another sweep is measuring now; when these are all of them, a moment later.

    StorageError when the disk or the database fails.
    """
    needed = tasks.with_dense(group, store()) if group[0].tasks else group
    with taking(store(), [one.key for one in needed]) as ours:
        compared = [one for one in needed if one not in group]
        free = all(one.key in ours for one in compared)
        own = tuple(one for one in group if free and one.key in ours)
        there = answered(own, how)
        for experiment, result in there.items():
            yield Outcome(experiment, result=result, elsewhere=True)
        missing = tuple(one for one in own if one not in there)
        if missing:
            yield from _measure(missing, how)
    taken = tuple(one for one in group if one not in own)
    if taken == group:
        yield Working(group, Progress(ELSEWHERE))
        time.sleep(PAUSE)
    return taken


def _measure(group: Group, how: Running) -> Iterator[Step]:
    """A group together; one by one when that fails, so that one takes none of the others down."""
    results = yield from _attempt(group, how)
    if not isinstance(results, str):
        for experiment, result in zip(group, results, strict=True):
            yield _keep(experiment, result, len(group), how)
    elif len(group) == 1:
        yield Failed(group[0], results)
    else:
        for experiment in group:
            yield from _measure((experiment,), how)


def _attempt(group: Group, how: Running) -> Generator[Working, None, Sequence[Result] | str]:
    """The results of a group, or why there are none."""
    last = Progress("starting")
    try:
        for last in run(group, how=how.model_copy(update={"keep": False})):
            yield Working(group, last)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"The disk fails: {error.strerror or error}.") from error
    except Exception as error:  # whatever it is, a night's sweep does not end with it
        return _reason(error)
    return last.results


def _keep(experiment: Experiment, result: Result, together: int, how: Running) -> Step:
    """Store a result, unless another one of its experiment came first: from a sweep that was left
    for dead, or, where the connection was lost and with it what this one held, from another."""
    for other in answered([experiment], how).values():
        return Outcome(experiment, result=other, elsewhere=True)
    try:
        store().put(result)
    except StorageError:
        raise
    except UserError as error:  # a number that is not finite
        return Failed(experiment, str(error))
    return Outcome(result.experiment, result=result, together=together)


def _reason(error: Exception) -> str:
    """Our own sentence as it is, any other error with its kind, on one line."""
    said = " ".join(str(error).split())
    kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    return f"{kind}{said}"[:LONGEST_REASON].rstrip(": ")
