"""How a number is known, as a word and a mark, the same in every figure and table."""

from collections.abc import Mapping

from nmviz.hardware.known import Knowledge

MARKS: Mapping[Knowledge, str] = {
    "measured": "●",
    "published": "◆",
    "counted": "■",
    "bounded": "▼",
    "hypothetical": "○",
}


def marked(known: Knowledge) -> str:
    """`■ counted`."""
    return f"{MARKS[known]} {known}"
