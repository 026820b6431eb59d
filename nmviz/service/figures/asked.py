"""What a figure is asked for: of which results, at which layer, on which prompt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.reading import TEXT, Artefacts
from nmviz.core.results import Column, Result
from nmviz.service.comparing.two_results import KEY, experiment_of, found
from nmviz.views.shared.theme import NAMES, Figure

Named = str | Experiment | Result
"""A key or its beginning, a link, settings as a link has them, an experiment, or a result."""
Kind = Literal["published", "stored", "layer", "pair"]


@dataclass(frozen=True)
class Place:
    """A layer and a prompt, and which part of its mask is shown."""

    block: int | None = None
    projection: str = ""
    prompt: str = ""
    first_row: int = 0
    rows: int = 32
    first_entry: int = 0
    entries: int = 64

    def whole(self) -> "Place":
        """Itself. UserError where the layer or the prompt is not said, or a count is none."""
        if self.block is None or not self.projection or not self.prompt.strip():
            raise UserError(
                "This figure is of one layer on a prompt: say --block, --projection and --prompt."
            )
        if (
            min(self.rows, self.entries) < 1
            or min(self.block, self.first_row, self.first_entry) < 0
        ):
            raise UserError("Blocks, rows and entries are counted from 0, and at least 1 is shown.")
        return self


@dataclass(frozen=True)
class Picture:
    """A figure, its caption, and the results that it draws."""

    name: str
    figure: Figure
    caption: str
    results: tuple[Result, ...] = ()


@dataclass(frozen=True)
class NamedFigure:
    """A figure that can be asked for: how many results it takes, and how it is drawn of them."""

    name: str
    title: str
    kind: Kind
    takes: tuple[int, ...]
    draw: Callable[[Sequence[Any], Place], Picture]


def by_target(results: Sequence[Result]) -> dict[Column, Result]:
    """One of weights, one of activations. UserError where both are of the same."""
    shown: dict[Column, Result] = {}
    for one in results:
        target = one.experiment.target
        if one.experiment.is_dense:
            raise UserError("Nothing is pruned in the dense model: name a result that prunes.")
        if target in shown:
            raise UserError(
                f"Both results are of {NAMES[target]}: this figure has one of weights and one of "
                "activations, and those that begin with compare- set two beside each other."
            )
        shown[target] = one
    return shown


def alone(name: Named) -> Experiment:
    """What is pruned and how, on the usual text: a layer is looked at on a prompt. It need not
    have been run."""
    one = name.experiment if isinstance(name, Result) else name
    if isinstance(one, str):
        is_key = KEY.fullmatch(one.strip()) or "=" not in one
        one = found(one).experiment if is_key else experiment_of(one)
    text: dict[str, Any] = {**Experiment().model_dump(include=set(TEXT)), "tasks": ()}
    return one.but(**text, artefacts=Artefacts())
