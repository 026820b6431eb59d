"""Panels that show what the store has of some experiments and offer to measure the rest."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

import gradio as gr

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.base.wording import duration
from nmviz.core.attribution.parts import By
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.ui.explore.panels import render
from nmviz.ui.serving.noted import note_regardless
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.freshness import stamp, wanted
from nmviz.ui.shell.html import note
from nmviz.ui.shell.limits import model_of
from nmviz.ui.shell.progress import bar
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.ui.shell.view import View, methods_of

SECONDS_BETWEEN_PICTURES = 0.5
WAIT = "Running: the first numbers come after the first passes over the text."
Why = Literal["moved", "again", "measured"]
"""Why a panel is asked for: a setting has moved, a run has told how fast it is here, or the panel
was measured just now."""


AS_USUAL = Running()


@dataclass(frozen=True)
class Asked:
    """What the settings ask of a panel."""

    view: View
    experiments: tuple[Experiment, ...]
    text: str | None = None
    by: By = "projection"
    how: Running = AS_USUAL

    @property
    def identity(self) -> str:
        """To tell whether something else is asked for than is shown."""
        return repr(
            (self.text, self.how.noise_floor, [one.canonical_json() for one in self.experiments])
        )

    @property
    def words(self) -> str:
        """What is measured, in words."""
        return f"{model_of(self.view).title}, {methods_of(self.view)}"


@dataclass(frozen=True)
class Measured:
    """One such panel; `name` begins the names of its components.

    `ask` reads the settings, `check` refuses what would take too long here. `stored` gets a result
    or None an experiment; `drawn` results, and a remark on them.
    """

    name: str
    title: str
    ask: Callable[[Sequence[Any]], Asked]
    check: Callable[[Asked], None]
    stored: Callable[[Asked, Sequence[Result | None]], Update]
    drawn: Callable[[Asked, Sequence[Result], str], Update]
    unit: str = "tokens"

    def found(self, values: Sequence[Any], before: str | None, why: Why = "moved") -> Update:
        """What the store has. Where `before` says that it is shown: nothing after a setting has
        moved; after it was measured all of it, and of part of it the numbers so far stay."""
        try:
            asked = self.ask(values)
            same = asked.identity == before
            if same and why == "moved":
                return {}
            results = [service.lookup(one, asked.text) for one in asked.experiments]
            if same and why == "measured" and None in results:
                return {}
            if why == "moved":
                note_regardless()
            shown = self.stored(asked, results)
            return {self._named("of"): asked.identity, **self._wanted(asked.identity), **shown}
        except Exception as error:
            said = self.without_results(note(sentence(error)), offered=False)
            return {self._named("of"): None, **self._wanted(None), **said}

    def measure(
        self, values: Sequence[Any], session: str, turn: int | None = None
    ) -> Iterator[Update]:
        """Measure what is asked for, showing what is known on the way."""
        event = SESSIONS.running(session, turn)
        last, now = 0.0, None
        try:
            asked = self.ask(values)
            now = asked.identity  # before the check: a refusal stands until other things are asked
            self.check(asked)
            for progress in service.run(
                asked.experiments, text=asked.text, how=asked.how, cancel=event
            ):
                update: Update = {self._named("progress"): bar(progress, self.unit)}
                ended = progress.stage in ("done", "cancelled")
                if progress.results and (ended or monotonic() - last > SECONDS_BETWEEN_PICTURES):
                    last = monotonic()
                    update |= self.drawn(asked, progress.results, render.remark(progress))
                elif ended:
                    update |= self.without_results(render.remark(progress), offered=True)
                yield update
            yield {self._named("of"): now, **self.bar(event.is_set())}
        except Exception as error:
            said = self.without_results(note(sentence(error), "error"), offered=True)
            yield {**said, self._named("of"): now}

    def refusal(self, asked: Asked) -> str:
        """Why it is not measured here, or an empty string: said before how long it would take."""
        try:
            self.check(asked)
            if asked.experiments:
                service.said_beforehand(asked.experiments, asked.how)
        except UserError as error:
            return str(error)
        return ""

    def with_results(self, asked: Asked, said: str, plot: Any, table: str) -> Update:
        """Head, figure and table of what was asked for."""
        made = stamp(self.name, asked.identity, asked.words)
        return {
            self._named("head"): self._head(said) + made,
            self._named("figure"): gr.Column(visible=True),
            self._named("plot"): plot,
            self._named("table"): table,
        }

    def without_results(self, said: str, offered: bool) -> Update:
        """Only words; `offered` says whether there is something to measure."""
        return {
            self._named("head"): self._head(said or note(WAIT)),
            self._named("figure"): gr.Column(visible=False),
            self._named("plot"): None,
            self._named("table"): "",
            **self.bar(offered),
        }

    def bar(self, offered: bool) -> Update:
        """The button that measures, with its progress."""
        return {self._named("bar"): gr.Column(visible=offered)}

    def _wanted(self, identity: str | None) -> Update:
        return {self._named("wanted"): wanted({self.name: identity})}

    def _named(self, part: str) -> str:
        return f"{self.name}_{part}"

    def _head(self, said: str) -> str:
        return f"<h2>{self.title}</h2>{said}"


def takes(experiments: Sequence[Experiment], unknown: str, how: Running | None = None) -> str:
    """How long they take here made that way, or `unknown` where no earlier run tells."""
    seconds = service.estimate_seconds(experiments, how)
    said = f"about {duration(seconds)} here" if seconds else unknown
    calibrated = any(one.calibration_windows for one in experiments)
    return said + (", calibrated first" if calibrated else "")
