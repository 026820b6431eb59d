"""Which event calls which handler. Nothing here decides anything."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from nmviz.results import Progress
from nmviz.ui import handlers, render
from nmviz.ui.controls import FIELDS, Controls
from nmviz.ui.handlers import SESSIONS, Update
from nmviz.ui.panels import Panels
from nmviz.ui.restore import restored

LIVE = {"concurrency_id": "model", "concurrency_limit": 2}
READ: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
FROM_STORE = {**READ, "queue": False}


@dataclass(frozen=True)
class Page:
    """Every component of the page that an event reads or writes."""

    controls: Controls
    panels: Panels
    named: dict[str, Any]

    @property
    def form(self) -> list[Any]:
        return [self.named[name] for name in FIELDS]

    @property
    def form_and_shown(self) -> list[Any]:
        return [*self.form, self.named["shown"], self.panels.measure]

    @property
    def outputs(self) -> list[Any]:
        return list(dict.fromkeys(self.named.values()))

    def named_values(self, update: Update) -> Any:
        """What Gradio wants of a handler; an empty update changes nothing."""
        return {self.named[name]: value for name, value in update.items()} or gr.skip()

    def answer(self, handler: Callable[..., Update]) -> Callable[..., Any]:
        """A handler of the form's values alone."""
        return lambda *values: self.named_values(handler(values))

    def answer_shown(self, handler: Callable[..., Update]) -> Callable[..., Any]:
        """A handler of the form's values, what is shown, and the measure over depth."""
        return lambda *given: self.named_values(handler(given[:-2], given[-2], given[-1]))


def wire(page: Page, blocks: gr.Blocks) -> None:
    """Connect every event of the page."""
    _opening(page, blocks)
    _settings(page)
    _layer(page)
    _live(page)
    _address(page)
    blocks.unload(leave)


def leave(request: gr.Request) -> None:
    """The visitor closed the page: what runs for them ends."""
    SESSIONS.leave(session_of(request))


def session_of(request: gr.Request) -> str:
    """The visitor's session; every page has its own."""
    return request.session_hash or ""


def _opening(page: Page, blocks: gr.Blocks) -> None:
    def opening(request: gr.Request) -> Any:
        return page.named_values(restored(str(request.query_params)))

    opened = blocks.load(opening, None, page.outputs, **FROM_STORE)
    opened.then(handlers.warm, page.named["model"], None, **FROM_STORE)
    _look(page, opened.then)


def _settings(page: Page) -> None:
    controls, named = page.controls, page.named
    chosen = ("criterion", "weight_criterion", "mitigations", "projections", "corpus", "bos")
    typed = ("pattern", "blocks", "text", "tokens", "window", "calibration_windows", "seed")
    pictured = ("criterion", "weight_criterion", "mitigations", "pattern")
    events = {name: [named[name].input] for name in chosen}
    events |= {name: [named[name].submit, named[name].blur] for name in typed}
    _change(page, partial(gr.on, [event for name in events for event in events[name]]))
    _look(page, partial(gr.on, [event for name in pictured for event in events[name]]))
    chip = controls.chips.input(
        None, controls.chips, named["pattern"], js="(v) => v", api_visibility="private"
    )
    model = named["model"].input(
        page.answer(handlers.fitted), page.form, page.outputs, **FROM_STORE
    )
    for first in (chip, model):
        _change(page, first.then)
        _look(page, first.then)
    named["corpus"].input(handlers.own_text, named["corpus"], named["text"], **FROM_STORE)


def _change(page: Page, on: Callable[..., Any]) -> None:
    function = page.answer_shown(handlers.changed)
    on(fn=function, inputs=page.form_and_shown, outputs=page.outputs, **FROM_STORE)


def _look(page: Page, on: Callable[..., Any]) -> None:
    inputs = [*page.form, page.named["looked_at"]]
    outputs = [page.named[name] for name in handlers.LAYER_OUTPUTS]

    def function(*given: Any) -> Any:
        return page.named_values(handlers.looked(given[:-1], given[-1]))

    on(fn=function, inputs=inputs, outputs=outputs, concurrency_limit=4, **READ)


def _layer(page: Page) -> None:
    named, panels = page.named, page.panels
    window = [named[name] for name in ("first_row", "rows", "first_column", "columns")]
    typed = [event for one in (*window, named["prompt"]) for event in (one.submit, one.blur)]
    _look(page, partial(gr.on, typed))

    def clicked(event: gr.EventData) -> Any:
        return handlers.pick(str(getattr(event, "place", "")))

    redraw = page.answer_shown(handlers.picked)
    panels.measure.input(redraw, page.form_and_shown, page.outputs, **FROM_STORE)
    block, projection, pick = named["block"], named["projection"], named["pick"]
    place = [block, named["model"]]
    moves = [
        panels.before.click(partial(handlers.block_by, -1), place, block, **FROM_STORE).then,
        panels.after.click(partial(handlers.block_by, 1), place, block, **FROM_STORE).then,
        pick.select(clicked, None, [block, projection], **FROM_STORE).then,
        partial(gr.on, [block.input, projection.input]),
    ]
    for on in moves:
        on(fn=redraw, inputs=page.form_and_shown, outputs=page.outputs, **FROM_STORE)
        _look(page, on)
    for direction, button in panels.steps.items():
        answer = page.answer(partial(handlers.moved, direction=direction))
        _look(page, button.click(answer, page.form, window, **FROM_STORE).then)


def _live(page: Page) -> None:
    controls, named = page.controls, page.named
    buttons = [controls.run, controls.again, controls.cancel, controls.write, named["progress"]]

    def begin(request: gr.Request) -> list[Any]:
        SESSIONS.start(session_of(request))
        return handlers.buttons(running=True)

    def cancel(request: gr.Request) -> str:
        SESSIONS.cancel(session_of(request))
        return render.bar(Progress("stopping"))

    controls.cancel.click(cancel, None, named["progress"], **FROM_STORE)
    for button, runs in ((controls.run, False), (controls.again, True)):
        begun = button.click(begin, None, buttons, **FROM_STORE)
        ran = begun.then(
            _running(page, rerun=runs), page.form_and_shown, page.outputs, **READ, **LIVE
        )
        _write(page, ran, buttons)
    _write(page, controls.write.click(begin, None, buttons, **FROM_STORE), buttons)


def _write(page: Page, after: Any, buttons: Sequence[Any]) -> None:
    def writing(request: gr.Request, *values: Any) -> Iterator[Any]:
        for update in handlers.write(values, session_of(request)):
            yield page.named_values(update)

    outputs = [page.named["texts"], page.named["query"]]
    wrote = after.then(writing, page.form, outputs, **READ, **LIVE)
    wrote.then(lambda: handlers.buttons(running=False), None, buttons, **FROM_STORE)


def _running(page: Page, rerun: bool) -> Callable[..., Iterator[Any]]:
    def running(request: gr.Request, *given: Any) -> Iterator[Any]:
        values, shown, measure = given[:-2], given[-2], given[-1]
        for update in handlers.run(values, shown, measure, session_of(request), rerun):
            yield page.named_values(update)

    return running


def _address(page: Page) -> None:
    # The script of the page writes the address: a handler cannot.
    page.named["query"].change(
        None, page.named["query"], None, js="(query) => window.nmviz.address(query)", **READ
    )
