"""How events call their handlers: queued or at once, shown or hidden, and whose they are."""

from collections.abc import Callable
from typing import Any

import gradio as gr

Update = dict[str, Any]

LIVE: dict[str, Any] = {"concurrency_limit": None}
"""Live work waits for its place in `places`, where a visitor can leave the queue."""
READ: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "show_progress_on": [],
}
"""No progress is shown, and on nothing: else the browser goes through every output that any event
has had so far, each time one begins or ends."""
FROM_STORE: dict[str, Any] = {**READ, "queue": False}
ANSWERED: dict[str, Any] = {**FROM_STORE, "trigger_mode": "always_last"}
"""When settings move faster than they are answered the last ones count: Gradio would drop them. Not
for an event that carries what is asked for: what had to wait gets what the one before carried."""
EACH: dict[str, Any] = {**FROM_STORE, "trigger_mode": "multiple"}
"""Every event is answered, also while another is: the script of the page takes the last one."""

NOTHING = "() => {}"
"""What the browser does where an event only begins others."""


def begun_by(*events: Any) -> Callable[..., Any]:
    """What hangs a handler on any of these events: it follows on a step of the browser's own.

    An event that several handlers with `ANSWERED` hang on directly never ends once it comes while
    they are being answered: each that is done begins all of the event's anew, which Gradio does for
    the one that had to wait (6.31).
    """
    return gr.on([*events], None, None, None, js=NOTHING, **READ).then


SAVE = "(file) => window.nmviz.saveText(file)"
"""The browser saves a file that a handler has written."""


def asking(what: str) -> str:
    """The browser notes that something is asked for: what does not come soon is said to be worked
    on. `what` is `settings`, or a panel."""
    return f"(...given) => {{ window.nmviz.asking({what!r}); return given; }}"


def answered(what: str, again: str = "") -> str:
    """The browser notes that the answer came; `again` is the button that asks anew where it was
    refused."""
    return f"() => window.nmviz.answered({what!r}, {again!r})"


def shown_by(on: Callable[..., Any], panel: str, answer: Any, inputs: Any, outputs: Any) -> None:
    """A panel that its own controls alone fill, after an event: what it shows is marked as of
    before while the answer is worked out. The answer has a `stamp` of the panel."""
    made = on(answer, inputs, outputs, js=asking(panel), **ANSWERED)
    made.then(None, None, None, js=answered(panel), **READ)


def session_of(request: gr.Request) -> str:
    """The visitor's session; every page has its own."""
    return request.session_hash or ""
