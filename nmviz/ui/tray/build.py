"""The tray, wired: the script of the page tells what is pinned, and two handlers answer."""

from typing import Any

import gradio as gr

from nmviz.ui.serving.answers import for_all
from nmviz.ui.shell.events import ANSWERED, READ, answered
from nmviz.ui.shell.places import among_pictures
from nmviz.ui.tray import answer
from nmviz.ui.tray.frame import empty

READY = "element.dataset.ready = 'yes';"
"""The script of the page asks once somebody listens."""


def build_tray(pick: str) -> None:
    """The tray, below all tabs; it asks nothing of the server while it is empty. `pick` is the script
    of an element that tells what was chosen."""
    with gr.Column(elem_id="tray", min_width=0):
        shown = gr.HTML(empty(), elem_id="tray-shown")
        plot = gr.Plot(
            show_label=False, container=False, elem_id="tray-plot", elem_classes="figure"
        )
        said = gr.HTML(elem_id="tray-looked")
        looks = gr.Plot(
            show_label=False, container=False, elem_id="tray-looks", elem_classes="figure"
        )
    asked = gr.HTML(elem_id="tray-ask", elem_classes="offstage", js_on_load=READY + pick)
    look = gr.HTML(elem_id="tray-look", elem_classes="offstage", js_on_load=READY + pick)
    found = asked.select(for_all(_shown, "store"), None, [shown, plot], **ANSWERED)
    found.then(None, None, None, js=answered("tray"), **READ)
    seen = look.select(
        for_all(_looked, "store", "calibrated"), None, [said, looks], **ANSWERED
    )
    seen.then(None, None, None, js=answered("tray"), **READ)


def _shown(event: gr.EventData) -> Any:
    return answer.shown(_place(event))


async def _looked(event: gr.EventData) -> Any:
    return await among_pictures(answer.looked)(_place(event))


def _place(event: gr.EventData) -> str:
    return str(getattr(event, "place", ""))
