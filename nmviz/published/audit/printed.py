"""Published rows as the detectors compare them, and the arithmetic of printed numbers."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import cached_property
from math import sqrt

from nmviz.core.results import Measurement, Printed, Result
from nmviz.published import FOUR_MODELS, SUMMARY, Names
from nmviz.published.cells import Cell, cell

DROP, PERPLEXITY = "average_drop", "perplexity"

Place = tuple[str, str]  # source and place
Column = tuple[Place, str]  # and printed model
Quantity = tuple[str, str | None]  # metric and task
Key = tuple[str, str, str, tuple[str, ...] | None]  # model, pattern, method, projections


@dataclass(frozen=True)
class Row:
    """A published result; `method` is the usual name of what was done."""

    result: Result
    method: str

    @cached_property
    def printed(self) -> Printed:
        """The row's names in its own source."""
        printed = self.result.provenance.printed
        if printed is None:
            raise ValueError("a result that was not published stands in no table")
        return printed

    @property
    def place(self) -> Place:
        """The table or the log it stands in."""
        return self.result.provenance.source, self.printed.place

    @cached_property
    def column(self) -> Column:
        """The rows it is compared with in its table."""
        return self.place, self.printed.model

    @property
    def is_log(self) -> bool:
        """Whether it is a run's own record, which names the commit that was run."""
        return self.result.provenance.commit is not None

    @cached_property
    def key(self) -> Key:
        """What was measured: rows that share it should print the same values."""
        experiment = self.result.experiment
        return experiment.model, experiment.pattern, self.method, experiment.projections

    @cached_property
    def is_dense(self) -> bool:
        return self.result.experiment.mask.is_dense

    @cached_property
    def accuracies(self) -> dict[str, Measurement]:
        """Accuracy by task, averages over tasks left out."""
        return {
            m.task: m
            for m in self.result.measurements
            if m.metric == "acc" and m.task and not m.task.startswith(SUMMARY)
        }

    @property
    def accuracy_cells(self) -> list[Cell]:
        """Where its accuracies stand."""
        return [self.cell("acc", task) for task in self.accuracies]

    def get(self, metric: str, task: str | None = None) -> Measurement | None:
        """One of its numbers, or None."""
        return self.result.get(metric, task)

    def cell(self, metric: str, task: str | None = None) -> Cell:
        """Where one of its numbers stands."""
        return cell(self.result, metric, task)

    def __str__(self) -> str:
        """`Table 10, Llama3.1-8B, 2:4, ACT`."""
        name = self.printed
        parts = (name_of(self), name.model, name.pattern, name.method)
        return ", ".join(parts[:2] if self.is_dense else parts)


class Rows:
    """Every published row, in order."""

    def __init__(self, results: Iterable[Result], names: Names) -> None:
        self.names = names
        self.all = [Row(r, names.of_result(r)) for r in results if r.provenance.printed]

    @cached_property
    def logs(self) -> list[Row]:
        """Records of runs, at full precision."""
        return [row for row in self.all if row.is_log]

    @cached_property
    def tables(self) -> list[Row]:
        """Rows of printed tables that are of one model."""
        return [r for r in self.all if not r.is_log and r.result.experiment.model != FOUR_MODELS]

    @cached_property
    def averages(self) -> list[Row]:
        """Rows that average the four models."""
        return [row for row in self.all if row.result.experiment.model == FOUR_MODELS]

    @cached_property
    def columns(self) -> dict[Column, list[Row]]:
        """The sparse rows of each place and printed model."""
        found: dict[Column, list[Row]] = {}
        for row in self.tables:
            if not row.is_dense:
                found.setdefault(row.column, []).append(row)
        return found

    def dense(self, row: Row) -> Row | None:
        """The dense row of the same place and model."""
        return self._dense.get(row.column)

    @cached_property
    def _dense(self) -> dict[Column, Row]:
        return {row.column: row for row in reversed(self.tables) if row.is_dense}

    def like(self, group: Iterable[Row]) -> list[Row]:
        """Every table's sparse rows that measure what one of these does."""
        keys = {row.key for row in group if not row.is_dense}
        return [row for row in self.tables if row.key in keys]

    def finest_dense(self, model: str, tasks: Iterable[str]) -> Row | None:
        """The model's dense row with the most digits that has all the tasks."""
        wanted = set(tasks)
        able = [
            row
            for row in self._dense.values()
            if row.key[0] == model and wanted <= set(row.accuracies)
        ]
        widest = [max(number.half for number in self.of(row, wanted)) for row in able]
        return able[widest.index(min(widest))] if able else None

    def of(self, row: Row, tasks: Iterable[str]) -> list["Rounded"]:
        """A row's accuracies with how far rounding may have moved each."""
        return [self.rounded(row, row.accuracies[task]) for task in tasks]

    def rounded(self, row: Row, number: Measurement) -> "Rounded":
        """A printed number and its precision: a log's is exact; a table's is its own digits', or
        that of most numbers of its kind in the table, since a last 0 is sometimes not printed."""
        if row.is_log:
            return Rounded(number.value, 0.0)
        digits = max(decimals(number), self._usual[row.place, number.metric])
        return Rounded(number.value, 0.5 * 10.0**-digits)

    @cached_property
    def _usual(self) -> dict[tuple[Place, str], int]:
        counts: dict[tuple[Place, str], Counter[int]] = {}
        for row in self.all:
            for m in row.result.measurements:
                counts.setdefault((row.place, m.metric), Counter())[decimals(m)] += 1
        return {name: count.most_common(1)[0][0] for name, count in counts.items()}


@dataclass(frozen=True)
class Rounded:
    """A number and the half width of the interval that prints as it."""

    value: float
    half: float


@dataclass(frozen=True)
class Drop:
    """An average drop in %, the most that rounding may have moved it, and its typical error."""

    value: float
    bound: float
    deviation: float


def drop(sparse: Sequence[Rounded], dense: Sequence[Rounded]) -> Drop:
    """100 * mean over tasks of (dense - sparse) / dense; rounding errors to first order."""
    pairs = list(zip(sparse, dense, strict=True))
    scale = 100 / len(pairs)
    each = [(s.half / d.value, s.value * d.half / d.value**2) for s, d in pairs]
    return Drop(
        value=scale * sum(1 - s.value / d.value for s, d in pairs),
        bound=scale * sum(map(sum, each)),
        deviation=scale * sqrt(sum(a * a + b * b for a, b in each) / 3),  # of a uniform error
    )


def decimals(number: Measurement) -> int:
    """Digits printed after the point."""
    return len((number.printed or str(number.value)).partition(".")[2])


def exact(number: Measurement) -> Decimal:
    """The number as printed."""
    return Decimal(number.printed or str(number.value))


def agree(one: Measurement, other: Measurement) -> bool:
    """Whether two printed numbers are one number rounded, or cut, to their digits; 0.01 apart or
    a last digit apart is rounding, and zeros at the end may have been added."""
    a, b = exact(one), exact(other)
    units = [Decimal(1).scaleb(-max(1, len(_fraction(x)))) for x in (a, b)]
    if abs(a - b) <= min(units):
        return True
    coarse, fine = (a, b) if units[0] >= units[1] else (b, a)
    unit = max(units)
    return coarse in (fine.quantize(unit, ROUND_DOWN), fine.quantize(unit, ROUND_HALF_UP))


def _fraction(number: Decimal) -> str:
    return f"{number:f}".partition(".")[2].rstrip("0")


def mean(values: Sequence[Decimal]) -> Decimal:
    """The average to two digits, halves up, as tables round."""
    return (sum(values, Decimal(0)) / len(values)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def name_of(row: Row) -> str:
    """`Table 10`, or `log 799f509d`."""
    return f"log {row.printed.place[:8]}" if row.is_log else row.printed.place


def slug(*parts: str) -> str:
    """`Table 10`, `S-PTS` to `table-10-s-pts`."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


def unique(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Cells without repetition, in order."""
    return tuple(dict.fromkeys(cells))


def same_key(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows that measure the same thing, together."""
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.key, []).append(row)
    return iter(groups.values())
