"""The tray as HTML: its line, and the choices of the open tray."""

from collections.abc import Sequence

from nmviz.service.comparing.pinned import MOST, Pinned
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import esc, note
from nmviz.ui.tray.place import PARTS, Place
from nmviz.views.tray.titles import title_of

EMPTY = "Tray: nothing is pinned. Press “pin” at a card, a row or a claim to compare it with others."
ONE_MORE = "Pin one more to compare: any card, row or claim that has “pin”."


def empty(remarks: Sequence[str] = ()) -> str:
    """The line of a tray that holds nothing."""
    said = _remarks(remarks)
    return f'<div id="tray-body" data-tray="" data-asked="">{said}<p class="words">{EMPTY}</p></div>'


def framed(place: Place, asked: str, inside: str) -> str:
    """The line, what of the link could not be read, and below it what is shown while it is open."""
    titles = " and ".join(title_of(one.result) for one in place.pair or place.pinned[:1])
    panel = ""
    if place.part:
        choices = _choices(place) if place.pair else note(ONE_MORE)
        panel = f'<div id="tray-panel">{choices}{inside}</div>'
    return (
        f'<div id="tray-body" data-tray="{esc(place.to_query())}" data-asked="{esc(asked)}">'
        f"{stamp('tray', asked, titles)}{_line(place)}{_remarks(place.remarks)}{panel}</div>"
    )


def _line(place: Place) -> str:
    count = len(place.pinned)
    opened = "true" if place.part else "false"
    items = "".join(_item(place, number, one) for number, one in enumerate(place.pinned))
    return (
        '<div class="tray-line">'
        f'<button type="button" class="tray-open" aria-expanded="{opened}" data-at="open">'
        f"Tray <small>{count} of {MOST}</small></button>"
        f'<ol class="tray-pins">{items}</ol>'
        '<button type="button" class="tray-clear" data-at="clear">Empty</button></div>'
    )


def _item(place: Place, number: int, one: Pinned) -> str:
    letters = [letter for letter, at in (("A", place.a), ("B", place.b)) if at == number]
    letter = f"<b>{letters[0]}</b> " if place.pair and letters else ""
    title = esc(title_of(one.result))
    return (
        f'<li>{letter}<span title="{title}">{title}</span>'
        f'<button type="button" class="unpin" data-pin="{esc(one.name)}" data-at="unpin-{number}" '
        f'aria-label="Take out {title}">×</button></li>'
    )


def _choices(place: Place) -> str:
    menus = "".join(_menu(letter, at, place.pinned) for letter, at in (("A", place.a), ("B", place.b)))
    parts = "".join(
        f'<button type="button" class="chip" data-part="{name}" data-at="part-{name}" '
        f'aria-pressed="{"true" if name == place.part else "false"}">{esc(words)}</button>'
        for name, words in PARTS.items()
    )
    return (
        f'<div class="tray-choices">{menus}'
        '<button type="button" class="swap" data-at="swap">Swap A and B</button></div>'
        f'<div class="tray-parts" role="group" aria-label="What is compared">{parts}</div>'
    )


def _menu(letter: str, chosen: int, pinned: Sequence[Pinned]) -> str:
    options = "".join(
        f'<option value="{number}"{" selected" * (number == chosen)}>{esc(title_of(one.result))}'
        "</option>"
        for number, one in enumerate(pinned)
    )
    return (
        f"<label>{letter} <select data-side=\"{letter.lower()}\" data-at=\"side-{letter}\">{options}"
        "</select></label>"
    )


def _remarks(remarks: Sequence[str]) -> str:
    return "".join(note(one, "error") for one in remarks)
