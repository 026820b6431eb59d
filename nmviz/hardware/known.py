"""A number with how it is known: no number of the trade-offs goes without that word."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

Knowledge = Literal["measured", "published", "counted", "bounded", "hypothetical"]
KNOWLEDGE: tuple[Knowledge, ...] = get_args(Knowledge)
MEANING: dict[Knowledge, str] = {
    "measured": "timed on this machine",
    "published": "printed by others, as they print it",
    "counted": "exact, from the shape of the model alone",
    "bounded": "no less than this, by the data sheet of the machine",
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


def counted(value: float | int, unit: str) -> Known:
    """A number that follows from the model's config alone."""
    return Known(value, unit, "counted", COUNTED)
