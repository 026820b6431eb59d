"""Sentences that the parts of the tab share."""

from nmviz.hardware.known import MEANING
from nmviz.ui.shell.html import esc
from nmviz.views.shared.theme import Figure, title_of
from nmviz.views.tradeoffs.known import marked


def known_words() -> str:
    """What the five words and marks mean."""
    each = "; ".join(f"{marked(one)}: {said}" for one, said in MEANING.items())
    return f'<p class="words">{esc(each)}.</p>'


def caption(figure: Figure) -> str:
    """The figure's own title as a sentence, empty without one."""
    said = title_of(figure)
    return f'<p class="words">{esc(said)}.</p>' if said else ""
