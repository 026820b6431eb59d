"""Lessons: steps of a few sentences whose numbers come from what is stored.

A new lesson is one file with a `Lesson`, and its name in the list below. A new word is an entry of
`glossary.toml`.
"""

from nmviz.lessons import by_hand, easier, hardware, noise, repair
from nmviz.lessons.shared.evidence import Evidence
from nmviz.lessons.shared.step import Lesson, Step

__all__ = ["LESSONS", "Evidence", "Lesson", "Step"]

LESSONS: tuple[Lesson, ...] = (
    by_hand.LESSON,
    easier.LESSON,
    repair.LESSON,
    hardware.LESSON,
    noise.LESSON,
)
"""In the order in which they are read."""
