"""What lessons are told from: stored runs, published speeds, and the numbers of one layer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nmviz.core.budget import Budget
from nmviz.core.experiment import Experiment
from nmviz.core.lessons.hand import Hand
from nmviz.core.results import Result
from nmviz.published.speeds.nearest import Asked, Near


@dataclass(frozen=True)
class Evidence:
    """`run` gives the stored run of an experiment, whatever the hashes of what it read, `near` the
    nearest published speed, `budget` what an experiment spends; None where there is none. `hands`
    are sixteen inputs of one layer, by prompt."""

    run: Callable[[Experiment], Result | None]
    near: Callable[[Asked], Near | None]
    budget: Callable[[Experiment], Budget | None]
    hands: Mapping[str, Hand]
