"""Runs of models that do not fit into memory: what is said before one, and the run itself."""

from collections.abc import Generator, Iterator, Sequence
from threading import Event
from typing import TYPE_CHECKING

from nmviz.base.errors import Cancelled
from nmviz.base.wording import duration
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress
from nmviz.core.running import Running
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.service.at_hand.turns import measuring
from nmviz.service.estimates import estimate, passes
from nmviz.sources import models
from nmviz.store import OWN, Store

if TYPE_CHECKING:
    from nmviz.engine.stream.room import Room


def said(room: "Room", experiments: Sequence[Experiment], how: Running, store: Store) -> str:
    """How many parameters the model has, what a run needs and what there is; of one that is
    streamed about how long it takes, by earlier runs of its kind where there are any."""
    if room.parts is None or room.fits:
        return f"{room.said}."
    takes = duration(seconds_of(room, experiments, how, store))
    return f"{room.said}, which takes about {takes}."


def seconds_of(
    room: "Room", experiments: Sequence[Experiment], how: Running, store: Store
) -> float:
    """How long such a run takes."""
    model = models.spelled(experiments[0].model)
    earlier = passes(store.find(sites=False, model=model, source=OWN), streamed=True)
    return estimate(experiments, earlier, how) or room.seconds


def streamed(
    room: "Room",
    experiments: Sequence[Experiment],
    text: str,
    how: Running,
    floor: NoiseFloor | None,
    cancel: Event,
) -> Iterator[Progress]:
    """The run, in its turn; what is idle is given up where it is in the way."""
    from nmviz.engine.stream.run import streamed

    def steps() -> Generator[Progress, None, None]:
        room.make()
        yield from streamed(room, experiments, text, cancel, how, floor)

    try:
        yield from measuring(steps, cancel)
    except Cancelled:
        yield Progress("cancelled")
