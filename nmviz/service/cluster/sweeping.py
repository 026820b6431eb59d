"""A sweep on Ray, as the command follows it: the events of a plain sweep, and how it is spread."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from nmviz.base.errors import UserError
from nmviz.service.cluster.apart import Apart
from nmviz.service.cluster.asked import Asked, Node, Spread, check_installed, spread
from nmviz.service.cluster.messages import AtWork, Connected, Ended, Said
from nmviz.service.runs import store
from nmviz.service.schedules import Group, Schedule, answered, estimate_groups
from nmviz.service.sweep import Failed, Outcome, note
from nmviz.store.alone import alone

CUDA = "cuda"


@dataclass(frozen=True)
class Spreading:
    """Groups that workers measure now, how many experiments wait, and the seconds left, from those
    that ended; None before one did and where earlier runs tell nothing."""

    groups: tuple[Group, ...]
    waiting: int
    seconds: float | None


Event = Outcome | Spreading | Said


def sweep(schedule: Schedule, asked: Asked) -> Iterator[Event]:
    """Measure what is to do on the cluster. May be left or killed at any moment, and begun again
    from any machine that reaches the cluster and the store.

    UserError at once where Ray is missing, or the store is a SQLite file and the cluster is not
    this machine alone; once it begins, where nobody answers, no node has room for a worker, one
    has another version, or the cluster is gone. StorageError when a disk or the database fails.
    """
    _check(schedule, asked)
    own = _own(asked)
    if asked.address is None:
        spread(asked, len(schedule.groups), (own,))
    return _sweep(schedule, asked, own)


def planned(schedule: Schedule, asked: Asked) -> Spread:
    """How it would be spread. A cluster is asked for its nodes; on this machine nothing is begun.
    UserError as for `sweep`."""
    _check(schedule, asked)
    own = _own(asked)
    nodes: tuple[Node, ...] = (own,)
    if asked.address is not None:
        with Apart(asked, own, (), schedule.how, "") as ray:
            told = ray.messages()
            nodes = next(one.nodes for one in told if isinstance(one, Connected))
    return spread(asked, len(schedule.groups), nodes)


def _check(schedule: Schedule, asked: Asked) -> None:
    check_installed()
    if asked.address is not None and not store().is_shared:
        raise UserError(
            f"The machines of a cluster cannot write the SQLite file {store().place}: set "
            "NMVIZ_STORE_URL to a PostgreSQL database (nmviz store copy moves results there), or "
            "leave --address out."
        )
    if schedule.how.device.startswith(CUDA) and not asked.gpus:
        raise UserError("A worker has no GPU unless it asks for one: add --gpus 1.")


def _own(asked: Asked) -> Node:
    """This machine; its GPUs are only counted where they are asked for."""
    gpus = 0
    if asked.gpus and asked.address is None:
        from nmviz.engine.load.loading import count_gpus

        gpus = count_gpus()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Node("this machine", float(cores or 1), float(gpus))


def _sweep(schedule: Schedule, asked: Asked, own: Node) -> Iterator[Event]:
    if not schedule.groups:
        return
    following = _Following(schedule)
    with (
        alone(store()),
        Apart(asked, own, schedule.groups, schedule.how, store().address) as ray,
    ):
        for message in ray.messages():
            if isinstance(message, AtWork):
                yield following.at_work(message)
            elif isinstance(message, Ended):
                yield from following.ended(message)
            elif isinstance(message, Said):
                yield message


class _Following:
    """What ended so far, and how long it took."""

    def __init__(self, schedule: Schedule) -> None:
        self._how = schedule.how
        self._seconds, self._count = 0.0, 0
        told = estimate_groups(schedule.groups, schedule.how)
        self._guess = told.seconds / len(schedule.to_do) if not told.unknown else None

    def at_work(self, told: AtWork) -> Spreading:
        """The same with the time left: of what is at work half is still to do."""
        each = self._seconds / self._count if self._count else self._guess
        left = told.waiting + sum(map(len, told.groups)) / 2
        seconds = None if each is None else each * left / max(1, len(told.groups))
        return Spreading(told.groups, told.waiting, seconds)

    def ended(self, told: Ended) -> Iterator[Outcome]:
        """An outcome for each experiment of a group, from the store, where its worker put it."""
        came = told.came
        failed = {one.experiment: one for one in came.failed}
        missing = {*failed, *came.taken}
        there = answered([one for one in told.group if one not in missing], self._how)
        together = Counter(result.provenance.started for result in there.values())
        self._seconds += came.seconds
        self._count += len(told.group) - len(came.taken)
        for experiment in told.group:
            result = there.get(experiment)
            if result is not None:
                many = together[result.provenance.started]
                elsewhere = experiment in came.elsewhere
                measured = result.experiment  # how its ties are broken is settled there
                yield Outcome(measured, result=result, together=many, elsewhere=elsewhere)
            elif experiment not in came.taken:
                lost = Failed(experiment, "Its result is not in the store.")
                yield note(failed.get(experiment, lost))
