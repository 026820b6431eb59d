"""The three texts, and what has to be done before they can be written."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Event
from time import monotonic
from typing import Any

from nmviz import service
from nmviz.base.wording import listed
from nmviz.core.experiment import Experiment
from nmviz.core.results import COLUMNS, GenerationProgress, Progress
from nmviz.sources.opening import opening
from nmviz.ui.explore.form.values import view_of
from nmviz.ui.explore.panels.render import Shown
from nmviz.ui.explore.panels.texts import texts
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import note
from nmviz.ui.shell.limits import model_of
from nmviz.ui.shell.links import link_of
from nmviz.ui.shell.progress import bar
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.ui.shell.view import View
from nmviz.views.shared.theme import NAMES

SECONDS_BETWEEN_TEXTS = 0.15
WRITING = "The models are writing."
INTO_VIEW = '<i class="into-view" hidden></i>'
"""The script of the page scrolls to where it stands."""


def write(
    values: Sequence[Any],
    session: str,
    turn: int | None = None,
    after_run: Shown | None = None,
) -> Iterator[Update]:
    """The three texts, as they are written.

    `after_run` is what a run has shown before: then nothing long is begun that the visitor did not
    ask for, and where the numbers were there already the texts come into view.
    """
    event = SESSIONS.running(session, turn)
    view, last = View(), 0.0
    progress: GenerationProgress | None = None
    if event.is_set():
        yield {}  # a generator that yields nothing would empty the panel
        return
    try:
        view = view_of(values, "texts")
        if without := service.why_no_texts(view.experiment.model):
            yield {"query": link_of(view), "texts": note(without)}
            return
        seen = INTO_VIEW if after_run and after_run.stored else ""
        begun: Update = {"query": link_of(view), "texts": seen + texts(None, view, note(WRITING))}
        yield {**begun, "progress": bar(Progress(opening(view.experiment.model)))}
        waiting = service.uncalibrated(view.experiments())
        if waiting and after_run:
            yield {"texts": seen + texts(None, view, note(_first_calibrated(waiting)))}
            return
        yield from _calibrated(waiting, event)
        for progress in _generate(view, event):
            if progress.done or monotonic() - last > SECONDS_BETWEEN_TEXTS:
                last = monotonic()
                yield {"texts": texts(progress, view), "progress": bar(_written(progress, view))}
        stopped = note("Cancelled: the texts end here.") if event.is_set() else ""
        yield {"texts": texts(progress, view, stopped)}
    except Exception as error:
        yield {"texts": texts(progress, view, note(sentence(error), "error"))}


def _first_calibrated(waiting: Sequence[Experiment]) -> str:
    names = listed([NAMES[one.target] for one in waiting])
    windows = max(one.drawn[0] for one in waiting)
    return (
        f"The texts are not written yet: {names} must first be calibrated on {windows} windows of "
        "text, which may take minutes. Press Write the three texts to do both."
    )


def _calibrated(waiting: Sequence[Experiment], event: Event) -> Iterator[Update]:
    """Calibrate what the texts need, telling how far it is."""
    for one in waiting:
        of = f"{NAMES[one.target]} for the texts: "
        for progress in service.calibrate(one, event):
            if progress.share is not None and progress.stage != "done":
                yield {"progress": bar(replace(progress, stage=of + progress.stage))}


def _written(progress: GenerationProgress, view: View) -> Progress:
    """How many tokens the three models have written."""
    tokens = sum(len(one.tokens) for one in progress.continuations)
    return Progress("writing", tokens, len(COLUMNS) * view.writing.new_tokens)


def _generate(view: View, event: Any) -> Iterator[GenerationProgress]:
    writing = view.writing
    yield from service.generate(
        view.experiments(),
        writing.prompt,
        max_new_tokens=writing.new_tokens,
        temperature=writing.temperature,
        real_speed=writing.real_speed,
        seed=view.experiment.reading.seed,
        chat=model_of(view).chat,
        cancel=event,
    )
