"""From what a link says of the tray to what it shows. Plain functions: a visitor's tray stands in
the address alone."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from nmviz.core.comparing.comparison import Compared
from nmviz.core.results import Result
from nmviz.service.comparing.pinned import whole
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.html import esc, note
from nmviz.ui.shell.sessions import Turn
from nmviz.ui.tray import frame, layer, numbers
from nmviz.ui.tray.changes import answers, words
from nmviz.ui.tray.place import LOOKED, Place, place_of
from nmviz.ui.tray.texts import texts
from nmviz.ui.tray.texts import write as written
from nmviz.views.shared.theme import title_of as said_by
from nmviz.views.tray.layer_errors import layer_errors

Shown = tuple[str, Any]
"""HTML, and a plot."""


def shown(asked: str) -> Shown:
    """The line of the tray and, while it is open, what is compared; the plot of errors by layer."""
    try:
        place = place_of(asked)
        if not place.pinned:
            return frame.empty(asked, place.remarks), gr.skip()
        return _framed(place, asked)
    except Exception as error:
        return note(sentence(error), "error"), gr.skip()


def _framed(place: Place, asked: str) -> Shown:
    try:
        inside, plot = _inside(place)
    except Exception as error:
        inside, plot = note(sentence(error), "error"), gr.skip()
    return frame.framed(place, asked, inside), plot


def looked(asked: str, prompt: object) -> Shown:
    """What is looked at in the models themselves on a prompt: a sentence, and a plot."""
    try:
        place = place_of(asked)
        if place.pair is None or place.part not in LOOKED:
            return "", gr.skip()
        a, b = (one.result for one in place.pair)
        said, figure = layer.looked(a, b, place.at, place.corner, place.part, str(prompt))
        return _of(asked) + said, drawn(figure, f"nmviz-tray-{place.part}")
    except Exception as error:
        return _of(asked) + note(sentence(error), "error"), gr.skip()


def write(asked: str, prompt: object, event: Turn) -> Iterator[str]:
    """What both write to a prompt, word by word."""
    place = place_of(asked)
    if place.pair is not None and not event.is_set():
        a, b = (one.result for one in place.pair)
        yield from (_of(asked) + said for said in written(a, b, prompt, event))


def _of(asked: str) -> str:
    """What the answer is of: the script of the page shows it beside no other pair."""
    return f'<i hidden class="looked" data-asked="{esc(asked)}"></i>'


def _inside(place: Place) -> Shown:
    if not place.part:
        return "", gr.skip()
    if place.pair is None or place.part == "numbers":
        return _numbers(place), gr.skip()
    a, b = map(whole, place.pair)
    if place.part == "layers":
        return _by_layer(a, b, place)
    if place.part in LOOKED:
        corner = place.corner if place.part == "masks" else None
        return layer.menus(a, place.at, corner), gr.skip()
    return {"texts": texts, "words": words, "answers": answers}[place.part](a, b), gr.skip()


def _numbers(place: Place) -> str:
    """The pair's, and those of all where there are more, or not yet two."""
    results = [one.result for one in place.pinned]
    pair = place.pair and numbers.of_pair(Compared(results[place.a], results[place.b]))
    if len(results) == 2:
        return pair or ""
    return (pair or "") + numbers.of_all(results, place.titles, place.b)


CLICK = '<p class="words">A click on a dot looks at that layer.</p>'


def _by_layer(a: Result, b: Result, place: Place) -> Shown:
    at = layer.usual_at(a.experiment.model, place.at)
    figure = layer_errors(a, b, at)
    said = said_by(figure)
    return (
        (f'<p class="headline answer">{esc(said)}.</p>' if said else "") + CLICK,
        drawn(figure, "nmviz-tray-layers"),
    )
