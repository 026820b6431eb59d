"""What a claim's answer is made of. Plain data; figures are drawn when asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from nmviz.claims.shared.budgets import ASKED, BUDGETS, Budget
from nmviz.claims.shared.estimate import Estimate, Verdict
from nmviz.claims.shared.evidence import Evidence
from nmviz.core.experiment import Experiment
from nmviz.views.shared.theme import Figure

Draw = Callable[[], Figure]
Measurement = Literal["overlap", "timing"]


@dataclass(frozen=True)
class Number:
    """One number behind an answer: how it is written, its interval, and where it stands.

    `how` says where the interval comes from, or why there is none; `findings` are the audit's ids.
    `place` is the table and row of a source, or the key of a run of our own; `pins` are the names
    under which the results behind it are pinned.
    """

    label: str
    written: str
    estimate: Estimate
    unit: str
    source: str
    place: str
    how: str
    n: int | None = None
    unit_of_n: str | None = None
    findings: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Half:
    """A verdict with what it rests on: of the published numbers, or of this machine's."""

    verdict: Verdict
    text: str
    rule: str
    numbers: tuple[Number, ...] = ()
    figure: Draw | None = None
    remarks: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[str, ...]:
        """The ids of the audit's findings on the numbers used, each once."""
        return tuple(dict.fromkeys(name for number in self.numbers for name in number.findings))

    @property
    def pins(self) -> tuple[str, ...]:
        """The names of the results behind its numbers, each once."""
        return tuple(dict.fromkeys(name for number in self.numbers for name in number.pins))


@dataclass(frozen=True)
class Answer:
    """The answer to one claim: from what is published or computed, and live where that was run."""

    main: Half
    live: Half | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict of what is published or computed; of the live half where that is all."""
        return self.main.verdict

    @property
    def text(self) -> str:
        """The answer in words."""
        return self.main.text


@dataclass(frozen=True)
class Live:
    """What the live half of a claim runs: experiments, or a special measurement; or why none.

    The same experiments on the texts of the runs that ship answer as well.
    """

    words: str
    experiments: Callable[[str, Budget], tuple[Experiment, ...]] = field(
        default=lambda model, budget: ()
    )
    special: Measurement | None = None

    def asked(self, model: str) -> tuple[Experiment, ...]:
        """What the button runs on the model."""
        return self.experiments(model, ASKED)

    def families(self, model: str) -> tuple[tuple[Experiment, ...], ...]:
        """The experiments that answer, a family each text."""
        return tuple(self.experiments(model, budget) for budget in BUDGETS)

    def runs(self, model: str) -> bool:
        """Whether there is anything to run on the model."""
        return self.special is not None or bool(self.asked(model))


@dataclass(frozen=True)
class Claim:
    """One claim of the paper as a question, and the pure function that answers it."""

    name: str
    title: str
    question: str
    answer: Callable[[Evidence], Answer]
    live: Live
    only_live: bool = False  # nothing is published: the main half is of the small model
