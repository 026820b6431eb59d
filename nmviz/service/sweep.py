"""Running a sweep: one group after another, every result and every failure kept at once."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from nmviz.base.errors import StorageError, UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress, Result
from nmviz.core.running import Running
from nmviz.service.runs import run, store
from nmviz.service.schedules import Group, Schedule
from nmviz.store.alone import alone
from nmviz.store.failures import Failure, Failures

LONGEST_REASON = 300  # characters


@dataclass(frozen=True)
class Working:
    """A group is being measured."""

    group: Group
    progress: Progress


@dataclass(frozen=True)
class Outcome:
    """One experiment has come to its end: its result is stored, or its failure written down."""

    experiment: Experiment
    result: Result | None = None
    failure: Failure | None = None
    together: int = 1  # experiments that were measured with it, itself included


Event = Working | Outcome


def sweep(schedule: Schedule) -> Iterator[Event]:
    """Measure what is to do, in the schedule's order. May be left or killed at any moment.

    UserError at once for a device that is not there, which is no experiment's failure, and, once it
    begins, when another sweep is at work on the store; StorageError when the disk or the database
    fails. What fails in one experiment is its failure, and the sweep goes on.
    """
    if schedule.groups:
        from nmviz.engine.load.loading import check_device

        check_device(schedule.how.device)
    return _sweep(schedule)


def _sweep(schedule: Schedule) -> Iterator[Event]:
    with alone(store()):
        for group in schedule.groups:
            yield from _measure(group, schedule.how)


def _measure(group: Group, how: Running) -> Iterator[Event]:
    """A group together; one by one when that fails, so that one takes none of the others down."""
    measured = yield from _attempt(group, how)
    if not isinstance(measured, str):
        for result in measured:
            yield _keep(result, len(group))
    elif len(group) == 1:
        yield _fail(group[0], measured)
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


def _keep(result: Result, together: int) -> Outcome:
    try:
        store().put(result)
    except StorageError:
        raise
    except UserError as error:  # a number that is not finite
        return _fail(result.experiment, str(error))
    return Outcome(result.experiment, result=result, together=together)


def _fail(experiment: Experiment, reason: str) -> Outcome:
    return Outcome(experiment, failure=Failures(store()).add(experiment, reason))


def _reason(error: Exception) -> str:
    """Our own sentence as it is, any other error with its kind, on one line."""
    said = " ".join(str(error).split())
    kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    return f"{kind}{said}"[:LONGEST_REASON].rstrip(": ")
