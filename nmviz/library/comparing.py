"""Two results side by side."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmviz.core.comparing.comparison import Compared
from nmviz.library.experiment import Experiment
from nmviz.library.framed import Framed, Rows, frame_of
from nmviz.library.running import Run
from nmviz.service.comparing.two_results import compare as side_by_side
from nmviz.views.tray.titles import title_of

if TYPE_CHECKING:
    from pandas import DataFrame

Named = str | Experiment | Run
"""A key or its beginning, a link, settings such as 'pattern=2:4', an experiment, or a run."""


@dataclass(frozen=True)
class Comparison(Framed):
    """A minus B in every figure that both have, and whether that is real."""

    compared: Compared

    @property
    def heading(self) -> str:
        """What A and B are."""
        return f"A: {title_of(self.compared.a)}. B: {title_of(self.compared.b)}"

    def to_frame(self) -> "DataFrame":
        """A row a figure: both values, A minus B, its standard error and the verdict."""
        return frame_of([one.to_json() for one in self.compared.rows])

    def layers(self) -> Rows[Any]:
        """The error of every layer in both, and A minus B."""
        found = tuple(self.compared.sites)
        return Rows(found, tuple(one.to_json() for one in found))


def compare(a: Named, b: Named) -> Comparison:
    """Set two results side by side. UserError where one was not run, or they have no figure in
    common."""
    return Comparison(side_by_side(named(a), named(b)))


def named(one: Named) -> Any:
    """What the service calls it."""
    if isinstance(one, Run):
        return one.result
    return one.settings if isinstance(one, Experiment) else one
