"""Cancel: ask a visitor's live work to stop, and say so at once."""

import json
from typing import Any

import gradio as gr

from nmviz.core.results import Progress
from nmviz.ui.shell.events import FROM_STORE, READ, session_of
from nmviz.ui.shell.progress import bar
from nmviz.ui.shell.sessions import SESSIONS

STOPPING = bar(Progress("stopping"))


def cancels(button: Any, bar: Any) -> None:
    """The button stops the work of its visitor, and the bar says "stopping".

    The browser writes that by itself: an answer of the server could come after the last word of the
    work that it stops, and stay.
    """

    def cancel(request: gr.Request) -> None:
        SESSIONS.cancel(session_of(request))

    button.click(None, None, bar, js=f"() => {json.dumps(STOPPING)}", **READ)
    button.click(cancel, None, None, **FROM_STORE)
