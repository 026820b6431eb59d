"""Two results in one figure: each in a colour of what it prunes, the second in another shade."""

from typing import NamedTuple

from nmviz.core.experiment import Experiment
from nmviz.core.results import Column
from nmviz.views.shared.theme import Ink

SECOND = {"dense": "#8C8C8C", "weight": "#E69F00", "activation": "#56B4E9", "blocks": "#66C5AB"}


class Look(NamedTuple):
    """How the points and lines of one of the two are drawn."""

    letter: str
    colour: str
    dash: str
    marker: str


def looks_of(a: Experiment, b: Experiment, inks: Ink) -> tuple[Look, Look]:
    """Of A and of B: of one target in two shades, always with a dash and a marker of their own."""
    one, other = column_of(a), column_of(b)
    second = SECOND[other] if one == other else inks.colour(other)
    return Look("A", inks.colour(one), "solid", "circle"), Look("B", second, "dash", "square")


def column_of(one: Experiment) -> Column:
    """What is pruned, or dense."""
    return "dense" if one.is_dense else one.target
