"""All tables by name, and the one that is asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from nmviz.base.errors import UserError
from nmviz.service.comparing.two_results import found
from nmviz.service.figures.asked import Named
from nmviz.service.listing import rows_of
from nmviz.service.tables.results import compared, layers, results
from nmviz.service.tradeoffs.figures import USUAL_FRONTIER
from nmviz.service.tradeoffs.frontier import points
from nmviz.views.tables.table import Number, Table

LISTS = ("models", "patterns", "methods", "tasks", "sources", "places")
FLAGS = ("each_task", "live", "imported")


@dataclass(frozen=True)
class NamedTable:
    """A table that can be asked for: how many results it takes (least, most), how it is made."""

    name: str
    title: str
    takes: tuple[int, int]
    make: Callable[[Sequence[Any]], Table]


def _published(names: Sequence[Named]) -> Table:
    """Rows chosen as `patterns=2:4&methods=ACT,WT`, all of the usual choice where nothing is."""
    return of_published(str(names[0]) if names else "")


def of_published(choice: str = "") -> Table:
    """Published numbers: each as it is shown, with its standard error and where it stands."""
    told: dict[str, Any] = {}
    for name, value in parse_qsl(choice, keep_blank_values=True):
        told[name] = tuple(value.split(",")) if name in LISTS else value
        if name in FLAGS:
            told[name] = value.lower() in ("1", "true", "yes")
    if choice and "=" not in choice:
        raise UserError("Choose published rows as in 'patterns=2:4&methods=ACT,WT'.")
    rows = rows_of(**told)
    if not rows:
        raise UserError("No published number is left in this choice: widen it.")
    marked = {finding.id: finding.title for row in rows for finding in row.marks}
    return Table(
        "published",
        "Published numbers",
        ("model", "pattern", "method", "layers", "task", "quantity", "value", "place", "findings"),
        tuple(
            (
                *(row.model, row.pattern, row.method, row.layers, row.task, row.metric),
                row.text if row.value is None else Number(row.value, row.stderr, printed=row.text),
                row.where,
                ", ".join(finding.id for finding in row.marks),
            )
            for row in rows
        ),
        tuple(f"{name}: {title}" for name, title in marked.items()),
        alike=False,
    )


def _frontier(names: Sequence[Named]) -> Table:
    """The points of the usual choice of Trade-offs."""
    every = points(USUAL_FRONTIER)
    return Table(
        "frontier",
        "Accuracy lost against bytes a token",
        ("model", "target", "pattern", "method", "cost", "quality", "on the frontier", "place"),
        tuple(
            (
                *(one.title, one.target, one.pattern, one.name),
                Number(one.cost),
                Number(one.value, one.error),
                "yes" if one.on_frontier else "tied" if one.tied else "no",
                one.place,
            )
            for one in every
        ),
    )


TABLES: Mapping[str, NamedTable] = {
    one.name: one
    for one in (
        NamedTable(
            "results",
            "Results, a row each; bold where better than all others for certain",
            (1, 20),
            lambda names: results([found(one) for one in names]),
        ),
        NamedTable(
            "compare",
            "Two results, every figure with the difference and whether it is real",
            (2, 2),
            lambda names: compared(*(found(one) for one in names)),
        ),
        NamedTable(
            "layers",
            "The error of every layer, of each result",
            (1, 6),
            lambda names: layers([found(one) for one in names]),
        ),
        NamedTable(
            "published",
            "Published numbers, chosen as 'patterns=2:4&methods=ACT,WT'",
            (0, 1),
            _published,
        ),
        NamedTable("frontier", "Points of Trade-offs, the usual choice", (0, 0), _frontier),
    )
}


def table(name: str, names: Sequence[Named] = ()) -> Table:
    """The table of that name, of these results. UserError, one sentence, for a name that there is
    not, for too few or too many results, and where nothing would stand in it."""
    if name not in TABLES:
        raise UserError(f"There is no table {name[:60]!r}: choose one of {', '.join(TABLES)}.")
    least, most = TABLES[name].takes
    if not least <= len(names) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise UserError(f"The table {name} is of {wanted} that are named, not of {len(names)}.")
    made = TABLES[name].make(names)
    if not made.rows:
        raise UserError(f"The table {name} would be empty: nothing of it was measured here.")
    return made
