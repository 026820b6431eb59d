"""Published speeds: results/published/speed.csv, a row a figure, each with its own source.

Not among `sources.toml`: those are tables of accuracies, these are times.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from nmviz.errors import UserError

SPEED_FILE = "speed.csv"
Kind = Literal["activations N:M", "activations, any share", "weights N:M"]
Way = Literal["measured", "up to", "range"]


@dataclass(frozen=True)
class Speed:
    """How many times faster something ran than its dense counterpart, as its source has it.

    `repeat` names which of several measurements of the same thing a row is; `derived` says how
    a ratio was worked out where the source prints times.
    """

    kind: Kind
    pattern: str
    what: str
    size: str
    way: Way
    low: float
    high: float
    repeat: str
    device: str
    derived: str
    citation: str
    url: str

    @property
    def source(self) -> str:
        """The citation up to its first comma: enough to find it."""
        return self.citation.partition(",")[0]


_ROW = TypeAdapter(Speed)


def read_speeds(folder: Path) -> tuple[Speed, ...]:
    """Every published speed. UserError, with file and line, where one cannot be read."""
    line = 1
    try:
        with (folder / SPEED_FILE).open(newline="", encoding="utf-8") as file:
            rows = []
            for line, row in enumerate(csv.DictReader(file), start=2):
                rows.append(_ROW.validate_python(row))
            return tuple(rows)
    except (OSError, ValueError) as error:
        raise UserError(f"{SPEED_FILE}, line {line}: cannot be read: {error}.") from None
