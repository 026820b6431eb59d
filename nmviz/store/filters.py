"""What results are looked for by: as a condition of a statement, and held against a row."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement

from nmviz.store.tables import ExperimentRow, ResultRow

Filter: TypeAlias = str | int | bool | tuple[str, ...] | list[str] | list[int] | None
"""A value, or a list of values of which any will do; mitigations are a tuple. None: without one, as
what runs tasks has no corpus."""

COLUMNS: dict[str, Any] = {
    "key": ResultRow.experiment_key,
    "source": ResultRow.source_id,
    "own": ResultRow.own,
    "seeded": ResultRow.seeded,
    "model": ExperimentRow.model,
    "target": ExperimentRow.target,
    "pattern": ExperimentRow.pattern,
    "criterion": ExperimentRow.criterion,
    "mitigations": ExperimentRow.mitigations,
    "corpus": ExperimentRow.corpus,
    "tokens": ExperimentRow.tokens,
    "window": ExperimentRow.window,
}


def condition(name: str, value: Filter) -> ColumnElement[bool]:
    """The rows that it leaves. TypeError for a filter of another name."""
    if name not in COLUMNS:
        raise TypeError(f"results cannot be filtered by {name!r}; known: {', '.join(COLUMNS)}")
    column = COLUMNS[name]
    return column.in_(value) if isinstance(value, list) else column == _as_stored(value)


def meets(row: Mapping[str, Any], filters: Mapping[str, Filter]) -> bool:
    """Whether a row, its columns by the names of filters, is one that they leave."""
    return all(
        row[name] in value if isinstance(value, list) else row[name] == _as_stored(value)
        for name, value in filters.items()
    )


def _as_stored(value: Filter) -> Filter:
    return ",".join(value) if isinstance(value, tuple) else value
