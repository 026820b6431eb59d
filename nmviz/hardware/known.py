"""A number with how it is known: no number of the trade-offs goes without that word."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

Knowledge = Literal["measured", "published", "counted", "bounded", "hypothetical"]
KNOWLEDGE: tuple[Knowledge, ...] = get_args(Knowledge)
MEANING: dict[Knowledge, str] = {
    "measured": "timed on this machine",
    "published": "printed by others, as they print it",
    "counted": "exact, from shapes alone",
    "bounded": "a limit, or an expected value between limits: no less time than by the data sheet, "
    "no more bytes than can be asked for",
    "hypothetical": "of a unit that nobody sells",
}
COUNTED = "the config of the model"


@dataclass(frozen=True)
class Known:
    """A value, its unit, how it is known and from where."""

    value: float | int | str | None
    unit: str
    known: Knowledge
    source: str

    def to_json(self) -> dict[str, Any]:
        """The four of them, as `nmviz cost --json` has them."""
        return {
            "value": self.value,
            "unit": self.unit,
            "known": self.known,
            "source": self.source,
        }


def counted(value: float | int, unit: str, source: str = COUNTED, open: str = "") -> Known:
    """A number that follows from the model's config alone; bounded where something is left `open`,
    which its source then says."""
    return Known(value, unit, word(open), f"{source}; {open}" if open else source)


def word(open: str) -> Knowledge:
    """Counted where nothing is left open."""
    return "bounded" if open else "counted"
