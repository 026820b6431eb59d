"""Giving groups to workers: a free one takes the next, one whose model it has where there is one.

Ray starts a worker again that is gone, on another machine where its own is gone too, and gives it
its group again; only when that was done as often as it may be it is told here.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nmviz
from nmviz.base.errors import StorageError, UserError
from nmviz.core.running import Running
from nmviz.service.cluster.asked import Spread
from nmviz.service.cluster.messages import About, AtWork, Came, Ended, Message, Said
from nmviz.service.cluster.worker import Worker
from nmviz.service.schedules import Group
from nmviz.service.sweep import Failed
from nmviz.service.tasks import dense_of

LOOK = 2.0
"""Seconds after which it is looked whether the cluster is still there."""
PATIENCE = 30.0
"""Seconds without any worker after which it is said that there is no room for one."""
NO_ROOM = "No worker has room on the cluster yet: the sweep waits for one."
Sources = tuple[str, str | None, tuple[str, ...]]
"""What a group reads: its model, and a text or tasks."""


@dataclass(eq=False)
class Place:
    """A worker: where it is once it is there, the model it measured last, and what it lacks."""

    actor: Any
    node: str = ""
    model: str = ""
    lacks: set[Sources] = field(default_factory=set)


class Spreading:
    """Groups that wait, and groups that workers measure."""

    def __init__(
        self,
        spread: Spread,
        groups: tuple[Group, ...],
        how: Running,
        store: str,
        tell: Callable[[Message], None],
    ) -> None:
        self._spread, self._how, self._store, self._tell = spread, how, store, tell
        self._waiting = list(groups)
        self._taken: set[Group] = set()
        self._idle: list[Place] = []
        self._lacked: dict[Sources, str] = {}
        self._said: set[str] = set()
        self._busy: dict[Any, tuple[Place, Group]] = {}
        """By what Ray will have; of a worker that only tells what it is, the group is empty."""

    def run(self) -> None:
        """Until no group is left. UserError where a worker cannot do its work, StorageError where
        it cannot store it, ConnectionError where the cluster is gone."""
        import ray

        for _ in range(self._spread.workers):
            self._start()
        if not ray.wait(list(self._busy), timeout=PATIENCE)[0]:
            self._say(NO_ROOM)
        while self._waiting or self._at_work:
            self._tell(AtWork(self._at_work, sum(map(len, self._waiting))))
            ready, _ = ray.wait(list(self._busy), timeout=LOOK)
            if not ready:
                _check_there()
            for one in ready:
                self._come(one)
            self._give()

    @property
    def _at_work(self) -> tuple[Group, ...]:
        return tuple(group for _, group in self._busy.values() if group)

    def _start(self) -> None:
        import ray

        asked = self._spread.asked
        actor: Any = ray.remote(Worker).options(
            num_cpus=asked.cpus,
            num_gpus=asked.gpus,
            max_restarts=-1,
            max_task_retries=asked.retries,
        )
        place = Place(actor.remote(self._store))
        self._busy[place.actor.about.remote(self._how.device)] = place, ()

    def _come(self, one: Any) -> None:
        """What a worker has done, or what has become of it."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        place, group = self._busy.pop(one)
        try:
            came = ray.get(one)
        except RayTaskError as error:
            raise _of_worker(error, place) from None
        except RayError as error:
            _check_there()
            self._lost(place, group, error)
        else:
            if isinstance(came, About):
                _check(came)
                place.node = came.node
            else:
                self._ended(place, group, came)
        self._idle.append(place)

    def _ended(self, place: Place, group: Group, came: Came) -> None:
        if came.lacks:
            self._lacked[_sources(group)] = f"{came.lacks} (node {place.node})"
            place.lacks.add(_sources(group))
            self._say(f"Node {place.node} is left out for {group[0].model}: {came.lacks}")
            self._waiting.insert(0, group)
            return
        self._tell(Ended(group, came))
        if came.taken:
            self._taken.add(came.taken)
            self._waiting.append(came.taken)

    def _say(self, text: str) -> None:
        """A line, once."""
        if text not in self._said:
            self._said.add(text)
            self._tell(Said(text))

    def _lost(self, place: Place, group: Group, error: Exception) -> None:
        """A worker that was killed again and again: the group goes on one by one, so that one takes
        none of the others down."""
        if not group:
            raise UserError(
                f"A worker does not start ({_kind(error)}): install nmviz[cluster]=="
                f"{nmviz.__version__} on every node."
            )
        if len(group) > 1:
            self._waiting[:0] = [(one,) for one in group]
            return
        tries = self._spread.asked.retries + 1
        reason = f"Its worker was killed {tries} times: it may need more memory."
        self._tell(Ended(group, Came(failed=(Failed(group[0], reason),))))

    def _give(self) -> None:
        """Every worker that is free gets a group; one that can take none of those that wait makes
        room for others."""
        import ray

        for place in list(self._idle):
            group = self._next(place)
            if group:
                self._idle.remove(place)
                self._waiting.remove(group)
                place.model = group[0].model
                self._busy[place.actor.measure.remote(group, self._how)] = place, group
            elif all(_sources(group) in place.lacks for group in self._waiting):
                self._idle.remove(place)
                ray.kill(place.actor)
        if self._waiting and not self._busy:
            self._give_up()

    def _next(self, place: Place) -> Group:
        """The group for that worker, () where there is none now: of its model, else of one that
        few are at work on; last what another sweep had; none before the dense run that it is
        compared with."""
        out = (one for group in (*self._waiting, *self._at_work) for one in group if one.tasks)
        dense = {one for one in out if one.is_dense}
        models = Counter(other.model for other, group in self._busy.values() if group)
        fit = [
            group
            for group in self._waiting
            if _sources(group) not in place.lacks
            and not any(one.tasks and not one.is_dense and dense_of(one) in dense for one in group)
        ]
        return min(
            fit,
            key=lambda group: (
                group in self._taken,
                group[0].model != place.model,
                models[group[0].model],
            ),
            default=(),
        )

    def _give_up(self) -> None:
        """No worker has what the groups need that are left."""
        for group in self._waiting:
            reason = self._lacked.get(_sources(group), "No worker is left to measure it.")
            self._tell(Ended(group, Came(failed=tuple(Failed(one, reason) for one in group))))
        self._waiting.clear()


def _sources(group: Group) -> Sources:
    return group[0].model, group[0].corpus, group[0].tasks


def _check(about: About) -> None:
    """UserError for a worker of another version, or without the device."""
    import ray

    here = {"Ray": ray.__version__, "nmviz": nmviz.__version__}
    there = {"Ray": about.ray, "nmviz": about.nmviz}
    for name, version in here.items():
        if there[name] != version:
            raise UserError(
                f"The worker on node {about.node} runs {name} {there[name]} and this machine "
                f"{name} {version}: install the same version on both."
            )
    if about.lacks:
        raise UserError(f"On node {about.node}: {about.lacks}")


def _check_there() -> None:
    """ConnectionError where the cluster, or the part of it that this process hangs on, is gone."""
    import ray

    nodes = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
    if ray.util.client.ray.is_connected():
        gone = not nodes
    else:
        gone = ray.get_runtime_context().get_node_id() not in nodes
    if gone:
        raise ConnectionError("the node is gone")


def _of_worker(error: Any, place: Place) -> Exception:
    """What a worker raised, as it is where it is our own sentence."""
    cause = error.cause if isinstance(getattr(error, "cause", None), Exception) else error
    if isinstance(cause, StorageError):
        return StorageError(f"On node {place.node}: {cause}")
    if isinstance(cause, UserError):
        return UserError(f"On node {place.node}: {cause}")
    return cause


def _kind(error: Exception) -> str:
    """What Ray has to say of it: the last line of the traceback that it hands on."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if "Error: " in line]
    return (named or lines or [type(error).__name__])[-1][:200].rstrip(".")
