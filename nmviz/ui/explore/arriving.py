"""A visitor opens the page, and closes it."""

import json
from collections.abc import Callable
from typing import cast

import gradio as gr

from nmviz.ui.explore import handlers
from nmviz.ui.serving.visits import Visits
from nmviz.ui.shell.events import FROM_STORE, session_of
from nmviz.ui.shell.html import esc
from nmviz.ui.shell.sessions import SESSIONS


def leaving(blocks: gr.Blocks) -> int:
    """The number of the handler that the page's script calls when the visitor closes the page: what
    runs for them ends, and they are forgotten."""

    def leave(request: gr.Request) -> None:
        SESSIONS.leave(session_of(request))
        cast(Visits, blocks.state_holder).forget(session_of(request))

    unseen = gr.Button("leave", elem_id="leave", elem_classes="offstage")
    return int(unseen.click(leave, None, None, **FROM_STORE)["id"])


def arrived(leaving: int) -> Callable[..., str]:
    """The chosen model begins to load, and the script learns what to say when the visitor goes."""

    def begin(request: gr.Request, model: str) -> str:
        handlers.warm(model)
        said = {"fn_index": leaving, "session_hash": session_of(request), "data": []}
        return f'<span data-said="{esc(json.dumps(said))}"></span>'

    return begin
