"""How a sweep is to be spread, and how many workers there is room for."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from nmviz.base.errors import UserError
from nmviz.base.wording import counted

PACKAGE = "ray"


class Asked(BaseModel):
    """Over which cluster a sweep is spread, on how many workers, and what each of them has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str | None = Field(
        None,
        min_length=1,
        title="Address",
        description="The cluster: auto, HOST:PORT or ray://HOST:PORT; without one, this machine.",
    )
    workers: int | None = Field(
        None,
        ge=1,
        title="Workers",
        description="How many workers; without a number as many as there is room for.",
    )
    cpus: int = Field(1, ge=1, title="CPUs", description="CPUs of a worker.")
    gpus: float = Field(
        0.0, ge=0, title="GPUs", description="GPUs of a worker, or a part of one; see --device."
    )
    retries: int = 20
    """So often Ray begins a group again whose worker was killed."""

    @property
    def in_words(self) -> str:
        """What a worker has: `2 CPUs and 1 GPU`."""
        return _have(self.cpus, self.gpus) if self.gpus else counted(self.cpus, "CPU")


@dataclass(frozen=True)
class Node:
    """A machine of the cluster: its address, and how many CPUs and GPUs it lends."""

    name: str
    cpus: float
    gpus: float

    def room(self, asked: Asked) -> int:
        """How many workers fit on it."""
        rooms = [self.cpus // asked.cpus]
        rooms += [self.gpus // asked.gpus] if asked.gpus else []
        return int(min(rooms))


@dataclass(frozen=True)
class Spread:
    """Tasks over workers, and where there is room for these now."""

    asked: Asked
    tasks: int
    workers: int
    nodes: tuple[Node, ...]


def spread(asked: Asked, tasks: int, nodes: Sequence[Node]) -> Spread:
    """How so many tasks are spread. On a cluster workers that were asked for may wait for room, and
    bring machines where it grows; this machine alone does not grow. UserError where no node has
    what one worker is to have."""
    room = sum(node.room(asked) for node in nodes)
    if not room:
        raise UserError(_fits_nowhere(asked, nodes))
    wanted = asked.workers or room
    workers = wanted if asked.address else min(wanted, room)
    return Spread(asked, tasks, min(workers, tasks), tuple(nodes))


def _fits_nowhere(asked: Asked, nodes: Sequence[Node]) -> str:
    if not nodes:
        return "The cluster has no node: start one with ray start."
    largest = max(nodes, key=lambda node: (min(node.gpus, asked.gpus), node.cpus))
    has = _have(largest.cpus, largest.gpus)
    return (
        f"No node has {asked.in_words} for a worker, the largest {has}: ask for less with --cpus "
        "and --gpus, or add a larger node."
    )


def _have(cpus: float, gpus: float) -> str:
    return f"{counted(cpus, 'CPU')} and {counted(gpus, 'GPU')}"


def check_installed() -> None:
    """UserError where Ray is not there."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise UserError(
            "Sweeps on Ray need Ray, which is not installed: pip install 'nmviz[cluster]'."
        )
