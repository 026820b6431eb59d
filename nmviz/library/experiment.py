"""An experiment as a script writes it: settings by name, checked at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment as Settled
from nmviz.library.framed import Framed, frame_of
from nmviz.service.plans.known_plans import with_plan

__all__ = ["Experiment", "UserError", "settled"]

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, init=False)
class Experiment(Framed):
    """One question: what is pruned, how, and on which text it is measured.

    `Experiment(pattern="2:4", criterion="clact", tokens=2048)`; what is not said is as usual. The
    settings are those that `nmviz run --help` lists, with the names that `--json` prints; a pattern
    may be the file of a plan. UserError, one sentence, for the first that is wrong.
    """

    settings: Settled

    def __init__(self, **settings: Any) -> None:
        self._is(Settled.build(**with_plan(settings)))

    def _is(self, settled: Settled) -> None:
        object.__setattr__(self, "settings", settled)

    @classmethod
    def of(cls, settled: Settled) -> "Experiment":
        """That of settings that are checked already."""
        one = cls.__new__(cls)
        one._is(settled)
        return one

    def but(self, **changes: Any) -> "Experiment":
        """The same with some settings changed."""
        return self.of(self.settings.but(**with_plan(changes)))

    @property
    def key(self) -> str:
        """SHA-256 of the settings alone; what a result is stored under has the hashes of model and
        text in it too."""
        return self.settings.key

    @property
    def query(self) -> str:
        """The settings as a link of the page and `nmviz compare` have them."""
        return self.settings.to_query()

    def to_frame(self) -> "DataFrame":
        """A row a setting: its name, what it is here, and whether that is as usual."""
        usual, told = Settled().model_dump(), self.settings.model_dump()
        return frame_of(
            [
                {"setting": name, "value": value, "as usual": value == usual[name]}
                for name, value in told.items()
                if name != "artefacts"
            ]
        )


def settled(experiment: Experiment | None, settings: Mapping[str, Any]) -> Settled:
    """The experiment that a function was given, or the settings. UserError for both, or neither
    where something has to be said."""
    if experiment is None:
        return Experiment(**settings).settings
    if not isinstance(experiment, Experiment):
        raise UserError("An experiment is nmviz.Experiment(...), or its settings by name.")
    return experiment.but(**settings).settings if settings else experiment.settings
