"""Published speeds: results/published/speed.csv, a row a figure, each with its own source.

Not among `sources.toml`: those are tables of accuracies, these are times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from nmviz.base.errors import UserError
from nmviz.published.files import rows_of

SPEED_FILE = "speed.csv"
Kind = Literal["activations N:M", "activations, any share", "weights N:M"]
Way = Literal["measured", "up to", "range"]


@dataclass(frozen=True)
class Speed:
    """How many times faster something ran than its dense counterpart, as its source has it.

    `repeat` names which of several measurements of the same thing a row is; `derived` says how
    a ratio was worked out where the source prints times. The last six say on which machine and of
    what shape it is, where the source does.
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
    machine: str = ""
    dtype: str = ""
    phase: str = ""
    tokens: str = ""
    d_in: str = ""
    d_out: str = ""

    @property
    def source(self) -> str:
        """The citation up to its first comma: enough to find it."""
        return self.citation.partition(",")[0]


_ROW = TypeAdapter(Speed)


def read_speeds(folder: Path) -> tuple[Speed, ...]:
    """Every published speed. UserError, with file and line, where one cannot be read."""
    rows = rows_of(folder / SPEED_FILE)
    return tuple(_read(line, row) for line, row in enumerate(rows, start=2))


def _read(line: int, row: Mapping[str, str]) -> Speed:
    try:
        return _ROW.validate_python(row)
    except ValueError as error:
        raise UserError(f"{SPEED_FILE}, line {line}: {error}.") from None
