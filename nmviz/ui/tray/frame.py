"""The tray as HTML: its line, and the choices of the open tray."""

from collections.abc import Sequence

from nmviz.service.comparing.pinned import MOST, Pinned
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import esc, note, options
from nmviz.ui.tray.place import PARTS, Place

EMPTY = "Tray: nothing is pinned. Press “pin” at a card, a row or a claim to compare it."
ONE_MORE = "Pin one more to compare: any card, row or claim that has “pin”."


def empty(asked: str = "", remarks: Sequence[str] = ()) -> str:
    """The line of a tray that holds nothing; `asked` is what it was asked for."""
    said = _remarks(remarks) + f'<p class="words">{EMPTY}</p>'
    return f'<div id="tray-body" data-tray="" data-asked="{esc(asked)}">{said}</div>'


def framed(place: Place, asked: str, inside: str) -> str:
    """The line, what of the link could not be read, and below it what is shown while it is open."""
    names = place.titles
    made = " and ".join(names[at] for at in dict.fromkeys((place.a, place.b)))
    panel = ""
    if place.part:
        choices = _choices(place) if place.pair else note(ONE_MORE)
        panel = f'<div id="tray-panel">{choices}{inside}</div>'
    return (
        f'<div id="tray-body" data-tray="{esc(place.to_query())}" data-asked="{esc(asked)}">'
        f"{stamp('tray', asked, made)}{_line(place)}{_remarks(place.remarks)}{panel}</div>"
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
    title = esc(place.titles[number])
    return (
        f'<li>{letter}<span title="{title}">{title}</span>'
        f'<button type="button" class="unpin" data-pin="{esc(one.name)}" data-at="unpin-{number}" '
        f'aria-label="Take out {title}">×</button></li>'
    )


def _choices(place: Place) -> str:
    menus = "".join(
        _menu(letter, at, place.titles) for letter, at in (("A", place.a), ("B", place.b))
    )
    parts = "".join(
        f'<button type="button" class="chip" data-part="{name}" data-at="part-{name}" '
        f'aria-pressed="{"true" if name == place.part else "false"}">{esc(words)}</button>'
        for name, words in PARTS.items()
    )
    return (
        f'<div class="tray-choices">{menus}'
        '<button type="button" class="swap" data-at="swap">Swap A and B</button>'
        f'<span class="words">{esc(place.shared)}</span></div>'
        f'<div class="tray-parts" role="group" aria-label="What is compared">{parts}</div>'
    )


def _menu(letter: str, chosen: int, titles: Sequence[str]) -> str:
    choices = options({str(number): title for number, title in enumerate(titles)}, str(chosen))
    side = letter.lower()
    return f'<label>{letter} <select data-side="{side}" data-at="{side}">{choices}</select></label>'


def _remarks(remarks: Sequence[str]) -> str:
    return "".join(note(one, "error") for one in remarks)
