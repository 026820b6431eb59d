"""What a lesson is made of: steps of a few sentences, with menus inside them.

A text is paragraphs, divided by an empty line. In it `[name]` is a menu of the step and `{name}` a
place that is filled by what the step says of the choice: no number stands in a text itself.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

from nmviz.lessons.shared.evidence import Evidence

Chosen = Mapping[str, str]
Kind = Literal["weight", "activation", "dense"]
"""Which colour a bar has."""
PLACES = re.compile(r"\[(?P<menu>\w+)\]|\{(?P<word>\w+)\}")
MISSING = "(not stored here)"
WORDS_A_MINUTE = 140
"""So many are read, with the figures and the menus between them."""


@dataclass(frozen=True)
class Menu:
    """A choice inside a sentence: values, each with the words that stand there. `label` says what
    is chosen. A `slider` takes the place of a list where the values have an order. Chosen at first
    is the first one, or `start`."""

    name: str
    label: str
    options: Mapping[str, str]
    slider: bool = False
    start: str = ""

    @property
    def first(self) -> str:
        """What is chosen at first."""
        return self.start or next(iter(self.options))


@dataclass(frozen=True)
class Row:
    """A bar from 0 to `value`, with its interval where one is known; `written` is the number."""

    label: str
    value: float
    written: str
    low: float | None = None
    high: float | None = None
    kind: Kind = "activation"


@dataclass(frozen=True)
class Bars:
    """Numbers on one scale. The caption says what they are, with the unit."""

    caption: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Cells:
    """Neighbouring numbers in groups of that many, and which of them stay."""

    caption: str
    values: Sequence[float]
    kept: Sequence[bool]
    group: int


Figure = Bars | Cells


@dataclass(frozen=True)
class Setting:
    """What the page is set to: settings of a tab by their names in an address, and the part of it
    that comes into view, by its id."""

    settings: Mapping[str, str] = field(default_factory=dict)
    tab: str = "explore"
    part: str = ""


@dataclass(frozen=True)
class Said:
    """What a step says of a choice: the words of its places, a figure, and what shows it."""

    words: Mapping[str, str]
    setting: Setting
    figure: Figure | None = None

    def word(self, place: str) -> str:
        """What stands in a place; that nothing is stored, where the step could say nothing."""
        return self.words.get(place, MISSING)


@dataclass(frozen=True)
class Step:
    """A few sentences, a figure, and a question with its answer. `look` says what to look at once
    the page is set."""

    title: str
    text: str
    menus: tuple[Menu, ...]
    say: Callable[[Chosen, Evidence], Said]
    look: str
    question: str
    answer: str

    @property
    def first(self) -> dict[str, str]:
        """What is chosen at first."""
        return {menu.name: menu.first for menu in self.menus}

    def choices(self) -> list[dict[str, str]]:
        """Every choice of all menus."""
        names = [menu.name for menu in self.menus]
        every = product(*(menu.options for menu in self.menus))
        return [dict(zip(names, values, strict=True)) for values in every]

    def spelled(self, template: str, chosen: Chosen, said: Said) -> str:
        """A text of the step with its menus and places filled: what the sheet prints."""
        options = {menu.name: menu.options for menu in self.menus}

        def filled(found: re.Match[str]) -> str:
            name = found["menu"]
            return options[name][chosen[name]] if name else said.word(found["word"])

        return PLACES.sub(filled, template)


@dataclass(frozen=True)
class Lesson:
    """A few minutes about one thing."""

    title: str
    about: str
    steps: tuple[Step, ...]

    @property
    def minutes(self) -> int:
        """How long it takes to read, and to try what it offers."""
        every = (part for step in self.steps for part in (step.text, step.question, step.answer))
        return round(sum(len(part.split()) for part in every) / WORDS_A_MINUTE)
