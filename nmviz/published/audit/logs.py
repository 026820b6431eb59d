"""Printed tables beside the logs of the same experiment."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from nmviz.base.wording import listed
from nmviz.core.results import Measurement
from nmviz.published.audit.averages import drop_cells, what_changes
from nmviz.published.audit.finding import Finding
from nmviz.published.audit.ignored import as_run
from nmviz.published.audit.printed import (
    DROP,
    Drop,
    Key,
    Row,
    Rows,
    drop,
    exact,
    name_of,
    slug,
    unique,
)
from nmviz.published.cells import Cell

SLACK = 0.1
"""Points of average drop that are not worth a finding: what a table was rounded from, and in which
order, is not known."""


@dataclass(frozen=True)
class Logged:
    """What the logs of one experiment say together: accuracies by task, each with its log."""

    rows: tuple[Row, ...]
    accuracies: dict[str, Measurement]

    def __str__(self) -> str:
        """`log 7d5cdfac and log 74094da0`."""
        return listed(name_of(row) for row in self.rows)

    @property
    def capital(self) -> str:
        """The same where a sentence begins."""
        return f"L{str(self)[1:]}"


@dataclass(frozen=True)
class Beside:
    """One table row beside the logs of the same experiment.

    `differs` has the printed accuracies that the logs' values do not round or cut to; `drop` is
    the logs' average drop against the model's dense row, with what that row's rounding explains.
    """

    row: Row
    logged: Logged
    tasks: tuple[str, ...]
    differs: tuple[str, ...]
    drop: Drop | None

    @property
    def drop_differs(self) -> bool:
        """Whether the printed drop cannot be the logs'."""
        printed = self.row.get(DROP)
        if printed is None or self.drop is None:
            return False
        return abs(printed.value - self.drop.value) > self.drop.bound + SLACK

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The printed values that are not the logs'."""
        found = tuple(self.row.cell("acc", task) for task in self.differs)
        return (*found, self.row.cell(DROP)) if self.drop_differs else found

    @property
    def reproduces(self) -> bool:
        """Whether the logs say everything that the row prints of accuracy, and the same."""
        return (
            bool(self.row.accuracies)
            and set(self.tasks) == set(self.row.accuracies)
            and (not self.cells)
        )


def merged(rows: Rows) -> dict[Key, Logged]:
    """The logs by what was run, one value a task."""
    found: dict[Key, list[Row]] = {}
    for row in as_run(rows):
        if row.accuracies:
            found.setdefault(row.key, []).append(row)
    return {key: Logged(tuple(logs), _together(logs)) for key, logs in found.items()}


def _together(logs: list[Row]) -> dict[str, Measurement]:
    return {task: number for row in reversed(logs) for task, number in row.accuracies.items()}


def beside(rows: Rows) -> list[Beside]:
    """Every table row of which there is a log."""
    logs = merged(rows)
    return [_beside(rows, row, logs[row.key]) for row in rows.tables if row.key in logs]


def _beside(rows: Rows, row: Row, logged: Logged) -> Beside:
    tasks = tuple(task for task in row.accuracies if task in logged.accuracies)
    differs = tuple(
        task for task in tasks if not _one_digit(rows, row, task, logged.accuracies[task])
    )
    whole = row.accuracies or _core(rows, row)
    return Beside(row, logged, tasks, differs, _drop(rows, row.key[0], tuple(whole), logged))


def _one_digit(rows: Rows, row: Row, task: str, logged: Measurement) -> bool:
    """Rounded or cut: within one unit of the last printed digit."""
    printed = rows.rounded(row, row.accuracies[task])
    return abs(logged.value - printed.value) < 2 * printed.half * (1 + 1e-9)


def _core(rows: Rows, row: Row) -> dict[str, Measurement]:
    """The tasks of a row that prints its drop only: those of the same row in another table."""
    same = (r for r in rows.tables if r.key == row.key and r.accuracies)
    found = next(same, None)
    return found.accuracies if found else {}


def _drop(rows: Rows, model: str, tasks: tuple[str, ...], logged: Logged) -> Drop | None:
    dense = rows.finest_dense(model, tasks) if tasks else None
    if dense is None or not set(tasks) <= set(logged.accuracies):
        return None
    sparse = [rows.rounded(logged.rows[0], logged.accuracies[task]) for task in tasks]
    return drop(sparse, rows.of(dense, tasks))


def reproduced(rows: Rows) -> list[Beside]:
    """The table rows that the logs confirm: all accuracies, and the drop where one is printed."""
    return [one for one in beside(rows) if one.reproduces]


def find_logs(rows: Rows, known: frozenset[Cell] = frozenset()) -> Iterator[Finding]:
    """One finding for each experiment whose logs contradict a table; `known` cells have one."""
    groups: dict[Key, list[Beside]] = {}
    for one in beside(rows):
        if set(one.cells) - known:
            groups.setdefault(one.row.key, []).append(one)
    for wrong in groups.values():
        yield _finding(rows, wrong)


def _finding(rows: Rows, wrong: list[Beside]) -> Finding:
    first = wrong[0]
    row = first.row
    places = listed(dict.fromkeys(name_of(one.row) for one in wrong))
    count = len({cell.task or cell.metric for one in wrong for cell in one.cells})
    values = "value is not that" if count == 1 else "values are not those"
    printed = next((n for one in wrong if one.drop_differs and (n := one.row.get(DROP))), None)
    drops = f", average drop {exact(printed)}" if printed else ""
    drops += f" against {first.drop.value:.2f}" if drops and first.drop else ""
    return Finding(
        id=slug("log", row.key[0], row.key[1], row.method),
        detector="logs",
        title=f"{places}, {row.printed.model}, {row.printed.pattern}, {row.method}: {count} "
        f"{values} of {first.logged}{drops}.",
        evidence="; ".join(map(_values, wrong)) + ".",
        certainty="proved",
        consequence=_consequence(rows, wrong),
        cells=unique(
            (
                *(cell for one in wrong for cell in one.cells),
                *drop_cells(rows, (one.row for one in wrong if one.drop_differs)),
            )
        ),
    )


def _values(one: Beside) -> str:
    parts = [
        f"{task} printed {one.row.accuracies[task].printed}, "
        f"logged {one.logged.accuracies[task].value:.4f}"
        for task in one.differs
    ]
    printed = one.row.get(DROP)
    if one.drop_differs and printed is not None and one.drop is not None:
        parts.append(
            f"average drop printed {exact(printed)}, from the log {one.drop.value:.2f} "
            f"(rounding of the dense row explains {one.drop.bound:.2f})"
        )
    return f"{name_of(one.row)}: " + ", ".join(parts)


def _consequence(rows: Rows, wrong: list[Beside]) -> str:
    unknown = [name for name in wrong[0].row.result.experiment.unknown if "(" in name]
    settings = (
        f"other settings (not printed: {', '.join(unknown)})" if unknown else "other settings"
    )
    text = f"The row is not of this run: a rerun, {settings}, or a slip in the table."
    changes = [
        what_changes(rows, one.row, [Decimal(f"{one.drop.value:.2f}")])
        for one in wrong
        if one.drop_differs and one.drop is not None
    ]
    told = " ".join(filter(None, changes))
    return f"{text} If the log is right: {told}" if told else text
