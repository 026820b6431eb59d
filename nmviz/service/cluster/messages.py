"""What workers, the process that speaks with Ray, and the command tell each other."""

from dataclasses import dataclass
from typing import TypeAlias

from nmviz.core.experiment import Experiment
from nmviz.service.cluster.asked import Node
from nmviz.service.schedules import Group
from nmviz.service.sweep import Failed


@dataclass(frozen=True)
class About:
    """Where a worker runs, on which versions, and what its machine lacks of what all need."""

    node: str
    nmviz: str
    ray: str
    lacks: str = ""


@dataclass(frozen=True)
class Came:
    """What came of a group: its results are stored, but for those that failed, that another sweep
    had stored or is measuring now, or, with a reason, for all: this machine `lacks` something."""

    failed: tuple[Failed, ...] = ()
    elsewhere: tuple[Experiment, ...] = ()
    taken: Group = ()
    lacks: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Connected:
    """There is a cluster, of these machines."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class AtWork:
    """Which groups are being measured, and how many experiments wait for a worker."""

    groups: tuple[Group, ...]
    waiting: int


@dataclass(frozen=True)
class Ended:
    """A group has come to its end."""

    group: Group
    came: Came


@dataclass(frozen=True)
class Said:
    """Something that is worth a line."""

    text: str


@dataclass(frozen=True)
class Fault:
    """The sweep ends here, because of this."""

    text: str
    of_storage: bool = False


@dataclass(frozen=True)
class Done:
    """Everything came to its end."""


Message: TypeAlias = Connected | AtWork | Ended | Said | Fault | Done
