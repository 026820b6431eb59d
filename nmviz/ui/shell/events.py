"""How events call their handlers: queued or at once, shown or hidden, and whose they are."""

from typing import Any

import gradio as gr

Update = dict[str, Any]

LIVE: dict[str, Any] = {"concurrency_limit": None}
"""Live work waits for its place in `places`, where a visitor can leave the queue."""
READ: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Without `show_progress_on`: with an empty list the browser has less to do at every event, but a
wrong field was not marked any more, which the browser test of all panels shows."""
FROM_STORE: dict[str, Any] = {**READ, "queue": False}
ANSWERED: dict[str, Any] = {**FROM_STORE, "trigger_mode": "always_last"}
"""When settings move faster than they are answered the last ones count: Gradio would drop them."""


def asking(what: str) -> str:
    """The browser notes that something is asked for: what does not come soon is said to be worked
    on. `what` is `settings`, or a panel."""
    return f"(...given) => {{ window.nmviz.asking({what!r}); return given; }}"


def answered(what: str, again: str = "") -> str:
    """The browser notes that the answer came; `again` is the button that asks anew where it was
    refused."""
    return f"() => window.nmviz.answered({what!r}, {again!r})"


def session_of(request: gr.Request) -> str:
    """The visitor's session; every page has its own."""
    return request.session_hash or ""
