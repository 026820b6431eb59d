"""The dialog "Share", wired: the script of the page opens it and asks for what stands in it."""

import gradio as gr

from nmviz.ui.serving.answers import for_all
from nmviz.ui.share.answer import report, shared
from nmviz.ui.share.figures import drawn
from nmviz.ui.shell.events import EACH, READ, SAVE
from nmviz.ui.shell.places import among_pictures

TOLD = (
    "element.dataset.ready = 'yes'; "
    "element.addEventListener('pick', "
    "(e) => trigger(e.detail.event, { place: e.detail.place }));"
)
"""The script of the page tells the element of which address it asks, and it tells Gradio."""


def build_sharing() -> None:
    """The two ends out of sight: what is asked, and the answer that the script takes over."""
    said = gr.HTML(elem_id="share-said", elem_classes="offstage")
    asked = gr.HTML(elem_id="share-ask", elem_classes="offstage", js_on_load=TOLD)
    file = gr.Textbox(elem_id="share-file", elem_classes="offstage", label="the report")
    asked.select(for_all(_answer, "store"), None, said, **EACH)
    written = asked.input(_report, None, file, **EACH)
    written.then(None, file, None, js=SAVE, **READ)
    drawing = asked.submit(_figure, None, file, **EACH)
    drawing.then(None, file, None, js=SAVE, **READ)


def _answer(event: gr.EventData) -> str:
    return shared(_place(event))


def _report(event: gr.EventData) -> str:
    return report(_place(event))


async def _figure(event: gr.EventData) -> str:
    return await among_pictures(drawn)(_place(event))


def _place(event: gr.EventData) -> str:
    return str(getattr(event, "place", ""))
