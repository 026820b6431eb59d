"""Texts of prompts that ship: there is something to read before anything is pressed."""

from nmviz.core.results import Continuation
from nmviz.service.beforehand.texts import Written, written_beforehand
from nmviz.ui.explore.panels.texts import KEY, models, side_by_side
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import esc
from nmviz.ui.shell.view import View, methods_of
from nmviz.views.shared.theme import NAMES

TITLE = "What it says to two prompts"


def identity(view: View) -> str:
    """What the texts are written by."""
    return repr(models(view))


def beforehand(view: View) -> str:
    """By prompt three columns; nothing of a model, or of settings, that has no text."""
    written = written_beforehand(models(view))
    if not written:
        return ""
    made = stamp("beforehand", identity(view), methods_of(view))
    about = (
        f"Written beforehand, at most {written[0].tokens} tokens, the likeliest each time. For a "
        "prompt of your own press Write."
    )
    inner = "".join(_prompt(one, view) for one in written)
    return f'{made}<h2>{TITLE}</h2><p class="words">{esc(about)}</p>{KEY}{inner}'


def _prompt(one: Written, view: View) -> str:
    given = {text.column: text for text in one.continuations}
    missing = [NAMES[target] for target in ("weight", "activation") if target not in given]
    said = f'<p class="words">{_absent(missing)}</p>' if missing else ""
    shown = side_by_side(given, view, all(map(_is_read, one.continuations)))
    return f"<h3>{esc(one.prompt)}</h3>{said}{shown}"


def _is_read(text: Continuation) -> bool:
    return bool(text.dense_probability)


def _absent(missing: list[str]) -> str:
    return f"With {missing[0]} pruned so none was written beforehand: press Write the three texts."
