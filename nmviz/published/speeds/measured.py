"""Measured ratios as rows, each with its source: results/published/speed-slidesparse.csv, and
what speed.csv says of one shape on one machine.

A ratio is the dense time over the pruned time, or pruned tokens a second over dense ones, of the
same data type: above 1 is faster.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from nmviz.base.errors import UserError
from nmviz.methods.patterns import parse_pattern
from nmviz.published.files import rows_of
from nmviz.published.speed import SPEED_FILE, read_speeds
from nmviz.published.tables import PublishedSource

Phase = Literal["product", "layers", "prefill", "decode"]
PHASES: tuple[Phase, ...] = get_args(Phase)
PHASE_WORDS: Mapping[Phase, str] = {
    "product": "one product of matrices",
    "layers": "the linear layers of a model",
    "prefill": "prefill, end to end",
    "decode": "decoding, end to end",
}
WIDE_FILE = "speed-slidesparse.csv"
SOURCES_FILE = "speed-sources.toml"
PATTERNS = ("2:4", "4:6", "6:8", "8:10", "10:12", "12:14", "14:16", "dense")
"""Columns of a row, by what is kept; `dense` is dense data sent through the sparse path."""


@dataclass(frozen=True)
class Measured:
    """One ratio. `tokens`, `d_in` and `d_out` are what the nearest one is found by: of a model the
    widths of the first product of its MLP, in decoding the texts that are written at once.

    `row` numbers the measurements that share a dense one; `dense` and `printed` are the source's
    own text, `unit` that of the dense number.
    """

    row: int
    phase: Phase
    machine: str
    dtype: str
    target: str
    pattern: str
    shape: str
    tokens: int
    d_in: int
    d_out: int
    ratio: float
    printed: str
    dense: str
    unit: str
    source: str
    place: str

    @property
    def key(self) -> tuple[int, str]:
        """What tells it from every other."""
        return self.row, self.pattern

    @property
    def most(self) -> float:
        """The most that leaving the dropped products out can give: M / N."""
        return _most(self.pattern)


@cache
def _most(pattern: str) -> float:
    return 1 / parse_pattern(pattern).density


def read_speed_sources(folder: Path) -> Mapping[str, PublishedSource]:
    """Where the rows are from, by id. UserError where the file cannot be read."""
    try:
        told = tomllib.loads((folder / SOURCES_FILE).read_text(encoding="utf-8"))
        sources = [PublishedSource(**fields) for fields in told.values()]
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"{SOURCES_FILE} cannot be read: {error}.") from None
    return {one.id: one for one in sources}


def read_measured(folder: Path) -> tuple[Measured, ...]:
    """Every ratio. UserError, with file and line, where one cannot be read."""
    (source,) = read_speed_sources(folder).values()
    rows = rows_of(folder / WIDE_FILE)
    found: list[Measured] = []
    for line, row in enumerate(rows, start=2):
        try:
            found += _of_row(line, row, source)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{WIDE_FILE}, line {line}: {error}.") from None
    return (*found, *_of_one_layer(folder, len(rows) + 2))


def _of_row(line: int, row: Mapping[str, str], source: PublishedSource) -> Iterator[Measured]:
    phase = next((one for one in PHASES if one == row["phase"]), None)
    if phase is None:
        raise ValueError(f"{row['phase']!r} is no phase")
    tokens, d_in, d_out = (int(row[name]) for name in ("tokens", "d_in", "d_out"))
    if min(tokens, d_in, d_out) < 1:
        raise ValueError("a size is above 0")
    for pattern in PATTERNS:
        if not row[pattern]:
            continue
        yield Measured(
            row=line,
            phase=phase,
            machine=row["machine"],
            dtype=row["dtype"],
            target="weight",
            pattern=pattern,
            shape=row["shape"],
            tokens=tokens,
            d_in=d_in,
            d_out=d_out,
            ratio=float(row[pattern]),
            printed=row[pattern],
            dense=row["baseline"],
            unit=row["unit"],
            source=source.citation,
            place=f"{WIDE_FILE}, line {line}",
        )


def _of_one_layer(folder: Path, first: int) -> Iterator[Measured]:
    """Rows of speed.csv that say machine, type and shape: the authors' own layer."""
    for number, one in enumerate(read_speeds(folder)):
        if one.machine and one.low == one.high:
            yield Measured(
                row=first + number,
                phase="product",
                machine=one.machine,
                dtype=one.dtype,
                target="activation" if one.kind.startswith("activations") else "weight",
                pattern=one.pattern,
                shape=one.what,
                tokens=int(one.tokens or 0),
                d_in=int(one.d_in or 0),
                d_out=int(one.d_out or 0),
                ratio=one.low,
                printed=f"{one.low:.2f}",
                dense="",
                unit="",
                source=one.citation,
                place=f"{SPEED_FILE}, line {number + 2}; {one.repeat}",
            )
