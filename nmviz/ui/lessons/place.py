"""Which lesson and step an address opens."""

from dataclasses import dataclass

from nmviz.lessons import LESSONS
from nmviz.ui.shell.html import esc

LONGEST = 40


@dataclass(frozen=True)
class Place:
    """A lesson and a step, counted from 1, and a sentence where the address asked for another that
    there is not."""

    lesson: int = 1
    step: int = 1
    remark: str = ""

    @property
    def html(self) -> str:
        """As the script of the page reads it."""
        return (
            f'<i hidden data-lesson="{self.lesson}" data-step="{self.step}" '
            f'data-remark="{esc(self.remark)}"></i>'
        )


FIRST = Place()


def place_of(lesson: str | None, step: str | None) -> Place:
    """The place of an address; the first where it says nothing."""
    asked = _number(lesson, len(LESSONS))
    if asked is None:
        said = f"There is no lesson {_short(lesson)}: choose one from 1 to {len(LESSONS)}."
        return Place(remark=said)
    steps = len(LESSONS[asked - 1].steps)
    at = _number(step, steps)
    if at is None:
        said = f"Lesson {asked} has no step {_short(step)}: its steps are 1 to {steps}."
        return Place(asked, 1, said)
    return Place(asked, at)


def address(lesson: int, step: int) -> str:
    """The query that opens a step."""
    return f"tab=lessons&lesson={lesson}&step={step}"


def _number(text: str | None, most: int) -> int | None:
    """1 where nothing is said; None for what is no whole number up to the most."""
    if text is None:
        return 1
    is_number = text.isascii() and text.isdecimal() and len(text) < LONGEST
    return int(text) if is_number and 1 <= int(text) <= most else None


def _short(text: str | None) -> str:
    return repr((text or "")[:LONGEST])
