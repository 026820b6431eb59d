"""What takes a while: measuring, writing, calibrating. One at a time for a visitor, with Cancel."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

import gradio as gr

from nmviz.ui.explore import handlers, writing
from nmviz.ui.explore.components import Page
from nmviz.ui.explore.panels import every_method, hand, one_at_a_time, zero_shot
from nmviz.ui.explore.panels.measured import Why
from nmviz.ui.explore.panels.render import Shown
from nmviz.ui.explore.panels.zero_shot_choices import FIELDS, refusal
from nmviz.ui.shell.cancelling import cancels
from nmviz.ui.shell.events import FROM_STORE, LIVE, READ, Update, session_of
from nmviz.ui.shell.places import in_turn
from nmviz.ui.shell.progress import waiting
from nmviz.ui.shell.sessions import SESSIONS

Work = Literal["run", "write", "take_hand", "calibrate", "measure_each", "run_tasks"]
Begin = Callable[[Sequence[Any], str, int | None], Iterator[Update]]

BARS: dict[Work, str] = {
    "run": "progress",
    "write": "progress",
    "take_hand": "hand_progress",
    "calibrate": "calibrating",
    "measure_each": "each_progress",
    "run_tasks": "tasks_progress",
}
WRITES: dict[Work, tuple[str, ...]] = {
    "take_hand": ("hand",),
    "calibrate": (),
    "measure_each": one_at_a_time.OUTPUTS,
    "run_tasks": zero_shot.OUTPUTS,
}
"""What the work fills beside its bar."""
CLEARED = ("progress", "each_progress", "tasks_progress")
"""Bars that say nothing once the work has ended; others have a last word there."""
STARTS = ("run", "again", "write", "take_hand", "calibrate", "measure_each", "run_tasks")
CANCELS: dict[str, tuple[Work, ...]] = {
    "cancel": ("run", "write"),
    "stop_hand": ("take_hand",),
    "stop_calibrating": ("calibrate",),
    "stop_each": ("measure_each",),
    "stop_tasks": ("run_tasks",),
}
REPLACED = {"run": "cancel", "again": "cancel"} | {
    "take_hand": "stop_hand",
    "calibrate": "stop_calibrating",
    "measure_each": "stop_each",
    "run_tasks": "stop_tasks",
}
"""Cancel stands where the button was."""


def wire_live(
    page: Page,
    then_layer: Callable[[Any], None],
    then_each: Callable[[Any, Why], None],
) -> None:
    """Connect Run, Run again, Write, Calibrate, Measure and Run the tasks, each with its Cancel.

    `then_layer` and `then_each` hang the pictures of the layer, and the panels that are measured
    apart, on an event that has ended; the latter once more ("again") where a run has told how fast
    it is here.
    """
    for name, works in CANCELS.items():
        cancels(page.named[name], page.named[BARS[works[0]]])
    for name, rerun in (("run", False), ("again", True)):
        ran = _begin(page, name, "run").then(
            _running(page, rerun),
            [*page.form_and_shown, page.named["turn"]],
            page.these(*handlers.RAN),
            **READ,
            **LIVE,
        )
        answered = ran.then(
            page.answer(handlers.ended, 3),
            [*page.form_and_shown, page.named["ran"]],
            page.these(*handlers.CHANGED),
            **FROM_STORE,
        )
        # Before the buttons are back: a late answer would undo what is begun with them.
        then_each(answered, "again")
        then_layer(_write(page, answered, after_run=True))
    _write(page, _begin(page, "write", "write"))
    _worked(page, "take_hand", hand.take, ())
    then_layer(_worked(page, "calibrate", every_method.calibrate, ("uncalibrated",)))
    then_each(_worked(page, "measure_each", one_at_a_time.measure, ("each_by",)), "measured")
    then_each(_worked(page, "run_tasks", zero_shot.measure, FIELDS), "measured")


def _worked(page: Page, work: Work, begin: Begin, more: Sequence[str]) -> Any:
    """The event that the work has ended, which the button of its name begins; it gets the form, and
    what `more` names."""
    inputs = [*page.form, *page.these(*more, "turn")]
    outputs = page.these(*WRITES[work], BARS[work])
    worked = _begin(page, work, work).then(
        _generating(page, begin, work), inputs, outputs, **READ, **LIVE
    )
    return _end(page, worked)


def buttons(working: Work | None) -> Update:
    """The buttons while that work is under way: one Cancel, and nothing else can be begun."""
    update: Update = {
        name: gr.Button(visible=working in works and working is not None)
        for name, works in CANCELS.items()
    }
    for name in STARTS:
        hidden = working is not None and working in CANCELS.get(REPLACED.get(name, ""), ())
        able = working is None and not (name == "run_tasks" and refusal())
        update[name] = gr.Button(visible=not hidden, interactive=able)
    if working is not None:
        update[BARS[working]] = waiting()
    return update


def _begin(page: Page, button: str, work: Work) -> Any:
    def begin(request: gr.Request) -> Any:
        turn = SESSIONS.start(session_of(request)).number
        return page.named_values({**buttons(work), "turn": turn})

    outputs = [*_bar_outputs(page), page.named["turn"]]
    return page.named[button].click(begin, None, outputs, **FROM_STORE)


def _end(page: Page, after: Any) -> Any:
    def end() -> Any:
        return page.named_values({**buttons(None), **dict.fromkeys(CLEARED, "")})

    return after.then(end, None, _bar_outputs(page), **FROM_STORE)


def _bar_outputs(page: Page) -> list[Any]:
    return page.these(*STARTS, *CANCELS, *dict.fromkeys(BARS.values()))


def _write(page: Page, after: Any, after_run: bool = False) -> Any:
    outputs = page.these("texts", "query", "progress")

    def begin(values: Sequence[Any], session: str, turn: int | None) -> Iterator[Update]:
        *settings, shown = values
        ran = (shown or Shown()) if after_run else None
        return writing.write(settings, session, turn, ran)

    inputs = [*page.form, *page.these("shown", "turn")]
    wrote = after.then(_generating(page, begin, "write"), inputs, outputs, **READ, **LIVE)
    return _end(page, wrote)


def _running(page: Page, rerun: bool) -> Callable[..., AsyncIterator[Any]]:
    def begin(values: Sequence[Any], session: str, turn: int | None) -> Iterator[Update]:
        *settings, shown, measure = values
        return handlers.run(settings, shown, measure, session, rerun, turn)

    return _generating(page, begin, "run")


def _generating(page: Page, begin: Begin, work: Work) -> Callable[..., AsyncIterator[Any]]:
    """A generator of the values it is given, the session, and the turn it was begun in.

    Work begun elsewhere on the page stops this one: it must not go on as part of the other.
    """

    async def generating(request: gr.Request, *given: Any) -> AsyncIterator[Any]:
        *values, number = given
        session = session_of(request)
        turn = SESSIONS.running(session, number)
        steps = partial(begin, values, session, number)
        async for update in in_turn(turn, steps, lambda before: {BARS[work]: waiting(before)}):
            yield page.named_values(update)

    return generating
