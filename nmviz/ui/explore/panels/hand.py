"""One block in the visitor's hand: sixteen real inputs of a layer, drawn in the page itself."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from nmviz import service
from nmviz.core.lessons.hand import Hand
from nmviz.service.beforehand.hands import rounded, shipped_hands, take_hand
from nmviz.ui.explore.form.values import view_of
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import esc, note
from nmviz.ui.shell.limits import model_of
from nmviz.ui.shell.progress import bar
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.ui.shell.view import View

TITLE = "One block in your hand"
HOW = "keep eight by pressing, or let a rule choose."
ELSEWHERE = "No numbers of this model come with the page: the button below works them out."
NOT_KEPT = "Of this model only results are here: no numbers for this were kept beside them."
CANCELLED = "Cancelled: what stands above is as it was."

Told = Sequence[tuple[str, Hand]]
"""Prompts with their hands."""


def panel(view: View) -> dict[str, Any]:
    """The section with what ships of the model; of another model how to get its own."""
    model = model_of(view)
    kept = shipped_hands(model.id) or model.published or model.stored
    why = "" if kept else service.why_not_whole(model.id)
    made = _empty(why) if why else html(model.id, model.title, model.stored)
    return {"hand": made, "hand_progress": ""}


@cache
def html(model: str, title: str, stored: bool = False) -> str:
    """The section as it opens."""
    hands = shipped_hands(model)
    if not hands:
        return _empty(NOT_KEPT if stored else ELSEWHERE)
    return _section(title, hands, 0)


def _empty(said: str) -> str:
    return f"<h2>{TITLE}</h2>{note(said)}"


def take(values: Sequence[Any], session: str, turn: int | None = None) -> Iterator[Update]:
    """The section with the layer and the prompt of the settings beside what ships, and opened."""
    event = SESSIONS.running(session, turn)
    try:
        view = view_of(values, "layer")
        look, model, prompt = view.look, model_of(view), view.writing.prompt
        for made in take_hand(model.id, prompt, look.block or 0, look.projection or "", event):
            if isinstance(made, Hand):
                hands = (*shipped_hands(model.id), (prompt, made))
                opened = _section(model.title, hands, len(hands) - 1, whole=True)
                yield {"hand": opened, "hand_progress": ""}
                return
            yield {"hand_progress": bar(made)}
        yield {"hand_progress": note(CANCELLED)}
    except Exception as error:
        yield {"hand_progress": note(sentence(error), "error")}


def _section(model: str, hands: Told, opened: int, whole: bool = False) -> str:
    """Everything that the browser draws it from; one of the hands is open, a few lines high or
    whole."""
    told = json.dumps([{"prompt": said, "hand": rounded(one.to_json())} for said, one in hands])
    name = hashlib.sha256(f"{model} {opened} {told}".encode()).hexdigest()[:16]
    return (
        f'<div class="hand-body" data-of="{name}" data-title="{TITLE}" data-how="{HOW}" '
        f'data-open="{opened}"{" data-whole" if whole else ""} data-hands="{esc(told)}">'
        f"<h2>{TITLE}</h2><p>Sixteen activations of a word: {HOW}</p></div>"
    )
