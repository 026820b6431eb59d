"""The tray, wired: the script of the page tells what is pinned, and the handlers answer."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import gradio as gr

from nmviz.ui.serving.answers import for_all
from nmviz.ui.shell.events import EACH, FROM_STORE, LIVE, READ, answered, session_of
from nmviz.ui.shell.places import among_pictures, in_turn
from nmviz.ui.shell.progress import waiting
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.ui.tray import answer
from nmviz.ui.tray.frame import empty

TOLD = (
    "element.dataset.ready = 'yes'; element.addEventListener('pick', "
    "(e) => trigger(e.detail.event, { place: e.detail.place }));"
)
"""The script of the page tells an element what is asked for, and it tells Gradio by an event of
that name: one element, since each makes the page open later."""


def build_tray(prompt: Any) -> None:
    """The tray, below all tabs; it asks nothing of the server while it is empty. `prompt` is the
    field of Explore with the prompt to look at models and to write on."""
    with gr.Column(elem_id="tray", min_width=0):
        shown = gr.HTML(empty(), elem_id="tray-shown")
        plot = _plot("tray-plot")
        said = gr.HTML(elem_id="tray-looked")
        looks = _plot("tray-looks")
        texts = gr.HTML(elem_id="tray-texts")
    asked = gr.HTML(elem_id="tray-ask", elem_classes="offstage", js_on_load=TOLD)
    found = asked.select(for_all(_shown, "store"), None, [shown, plot], **EACH)
    found.then(None, None, None, js=answered("tray"), **READ)
    asked.input(for_all(_looked, "store", "calibrated"), prompt, [said, looks], **EACH)
    asked.submit(_written, prompt, texts, **READ, **LIVE)
    asked.stop(_stop, None, None, **FROM_STORE)


def _plot(name: str) -> Any:
    return gr.Plot(show_label=False, container=False, elem_id=name, elem_classes="figure")


def _shown(event: gr.EventData) -> Any:
    return answer.shown(_place(event))


async def _looked(event: gr.EventData, prompt: Any) -> Any:
    return await among_pictures(answer.looked)(_place(event), prompt)


async def _written(request: gr.Request, event: gr.EventData, prompt: Any) -> AsyncIterator[str]:
    turn = SESSIONS.start(session_of(request))
    async for said in in_turn(turn, partial(answer.write, _place(event), prompt, turn), waiting):
        yield said


def _stop(request: gr.Request) -> None:
    SESSIONS.cancel(session_of(request))


def _place(event: gr.EventData) -> str:
    return str(getattr(event, "place", ""))
