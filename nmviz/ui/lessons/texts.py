"""Texts of lessons as HTML: menus and places in them, words explained where they first stand."""

import re
from collections.abc import Callable, Iterable

from nmviz.lessons.glossary import Word, found_in
from nmviz.lessons.shared.step import PLACES, Chosen, Menu, Said, Step
from nmviz.ui.shell.html import esc

Fill = Callable[[re.Match[str]], str]


class Explained:
    """The words of a lesson, by its number, that were explained so far."""

    def __init__(self, lesson: int) -> None:
        self._lesson = lesson
        self._known: dict[str, str] = {}

    def new_in(self, text: str) -> list[tuple[re.Match[str], Word]]:
        """Where words stand that were not explained before; they are from now on."""
        found = []
        for place, word in found_in(text):
            if word.name not in self._known:
                self._known[word.name] = f"word-{self._lesson}-{len(self._known)}"
                found.append((place, word))
        return found

    def id_of(self, word: Word) -> str:
        """Of the element that explains it."""
        return self._known[word.name]


def paragraphs(text: str, fill: Fill, explained: Explained) -> str:
    """A text with its places filled. A new word is a button that opens what it means below its
    paragraph."""
    return "".join(_paragraph(part, fill, explained) for part in text.split("\n\n"))


def filled(text: str, fill: Fill) -> str:
    """The same of one paragraph without explanations."""
    return _between(text, fill, esc)


def _paragraph(text: str, fill: Fill, explained: Explained) -> str:
    meanings: list[str] = []

    def with_words(plain: str) -> str:
        parts, last = [], 0
        for place, word in explained.new_in(plain):
            name = explained.id_of(word)
            meanings.append(
                f'<p class="meaning" id="{name}" hidden><b>{esc(word.name)}</b>: '
                f"{esc(word.means)}</p>"
            )
            parts += [esc(plain[last : place.start()]), _button(place[0], name)]
            last = place.end()
        return "".join(parts) + esc(plain[last:])

    inside = _between(text, fill, with_words)
    return f'<p aria-live="polite">{inside}</p>{"".join(meanings)}'


def _button(shown: str, name: str) -> str:
    return (
        f'<dfn><button type="button" class="word-of" aria-expanded="false" '
        f'aria-controls="{name}">{esc(shown)}</button></dfn>'
    )


def _between(text: str, fill: Fill, plain: Callable[[str], str]) -> str:
    parts, last = [], 0
    for place in PLACES.finditer(text):
        parts += [plain(text[last : place.start()]), fill(place)]
        last = place.end()
    return "".join(parts) + plain(text[last:])


def with_menus(step: Step, said: Said) -> Fill:
    """Places as elements that the page's script fills anew, menus as such."""
    menus = {menu.name: menu for menu in step.menus}

    def fill(place: re.Match[str]) -> str:
        return _menu(menus[place["menu"]]) if place["menu"] else _place(place["word"], said)

    return fill


def _place(name: str, said: Said) -> str:
    """Numbers stand out of the text, sentences do not."""
    words = said.word(name)
    kind = ' class="sentence"' if words.endswith(".") or not words else ""
    return f'<span data-word="{name}"{kind}>{esc(words)}</span>'


def with_choices(step: Step, said: Said) -> Fill:
    """The same with what is chosen in the place of a menu."""
    menus = {menu.name: menu for menu in step.menus}

    def fill(place: re.Match[str]) -> str:
        if name := place["menu"]:
            menu = menus[name]
            return f'<span data-chosen="{name}">{esc(menu.options[menu.first])}</span>'
        return _place(place["word"], said)

    return fill


def _menu(menu: Menu) -> str:
    values = list(menu.options)
    if menu.slider:
        words = esc("|".join(menu.options.values()))
        return (
            f'<span class="slider"><input type="range" data-menu="{menu.name}" min="0" '
            f'max="{len(values) - 1}" step="1" value="{values.index(menu.first)}" '
            f'data-values="{esc("|".join(values))}" data-words="{words}" '
            f'aria-label="{esc(menu.label)}" aria-valuetext="{esc(menu.options[menu.first])}">'
            f'<output data-chosen="{menu.name}">{esc(menu.options[menu.first])}</output></span>'
        )
    options = "".join(
        f'<option value="{esc(value)}"{" selected" * (value == menu.first)}>{esc(words)}</option>'
        for value, words in menu.options.items()
    )
    return f'<select data-menu="{menu.name}" aria-label="{esc(menu.label)}">{options}</select>'


def of_options(menus: Iterable[Menu], explained: Explained) -> dict[str, dict[str, str]]:
    """By menu and value, what the words of its options mean that no text has explained."""
    found: dict[str, dict[str, str]] = {}
    for menu in menus:
        for value, words in menu.options.items():
            means = [f"{word.name}: {word.means}" for _, word in explained.new_in(words)]
            if means:
                found.setdefault(menu.name, {})[value] = " ".join(means)
    return found


def plain(step: Step, template: str, chosen: Chosen, said: Said) -> str:
    """As `Step.spelled`, in paragraphs of HTML."""
    parts = step.spelled(template, chosen, said).split("\n\n")
    return "".join(f"<p>{esc(part)}</p>" for part in parts)
