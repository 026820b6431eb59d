"""One block in the visitor's hand: sixteen real inputs of a layer, drawn in the page itself."""

import json
from functools import cache
from typing import Any

from nmviz.service.hands import shipped_hands
from nmviz.ui.shell.html import esc, note
from nmviz.ui.shell.limits import model_of
from nmviz.ui.shell.view import View

TITLE = "One block in your hand"
ELSEWHERE = "This is shown for the two small models whose numbers come with the page."


def panel(view: View) -> dict[str, Any]:
    """The section with its data; of another model why there is none."""
    return {"hand": html(view.experiment.model, model_of(view).title)}


@cache
def html(model: str, title: str) -> str:
    """Everything that the browser draws it from."""
    hands = shipped_hands(model)
    if not hands:
        return f"<h2>{TITLE}</h2>{note(ELSEWHERE)}"
    first = hands[0][1]
    told = json.dumps([{"prompt": prompt, "hand": hand.to_json()} for prompt, hand in hands])
    where = f"block {first.block}, {first.projection} of {title}"
    return (
        f'<h2>{TITLE}</h2><p class="words">Sixteen neighbouring inputs of {esc(where)}: '
        "keep eight by pressing them, or let a rule choose. Then choose another word.</p>"
        f'<div id="hand-body" data-of="{esc(model)}" data-hands="{esc(told)}"></div>'
    )
