"""The tab "Lessons": filled when it is opened, and turned over in the browser from then on."""

from typing import Any

import gradio as gr

from nmviz.ui.lessons.steps import lessons
from nmviz.ui.serving.answers import for_all
from nmviz.ui.shell.events import FROM_STORE
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import note

INTRO = (
    "Five short lessons. What stands in a box is a choice: change it, and the sentence says what "
    "is stored of that. Words with a dotted line open to say what they mean."
)


def build_lessons(tab: Any) -> None:
    """The tab, wired. Call it inside the Tab context, with the tab itself."""
    with gr.Column(elem_id="lessons", min_width=0):
        gr.HTML(f'<p class="words">{INTRO}</p>')
        shown = gr.HTML(elem_id="lessons-shown")
    tab.select(for_all(_opened, "store"), None, shown, **FROM_STORE)


def _opened() -> str:
    try:
        return lessons()
    except Exception as error:
        return note(sentence(error), "error")
