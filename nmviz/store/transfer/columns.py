"""Columns: what an importer takes from a file, declared as a list. Each says our name for a value,
where the file has it, what it has to be, and whether it has to be there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmviz.base.errors import UserError
from nmviz.store.transfer.files import LARGEST_COUNT, shown

KINDS: Mapping[type, tuple[type | tuple[type, ...], str]] = {
    str: (str, "text"),
    float: ((int, float), "number"),
    int: (int, "count"),
    bool: (bool, "true or false"),
    list: (list, "list"),
}
"""What a value of JSON may be, and how it is called."""


@dataclass(frozen=True)
class Column:
    """One value of an object of JSON."""

    name: str
    path: str  # names of objects with dots between
    kind: type
    required: bool = False


def values(columns: Sequence[Column], document: Any, where: str) -> dict[str, Any]:
    """The values by our names, None for those that are not there.

    UserError, with the path, for a required one that is missing and for one of another kind.
    """
    return {one.name: _value(one, document, where) for one in columns}


def _value(column: Column, document: Any, where: str) -> Any:
    found = document
    for name in column.path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    place = f"{where} at {column.path}"
    if found is None:
        if column.required:
            raise UserError(f"{place}: it is missing.")
        return None
    wanted, called = KINDS[column.kind]
    right = isinstance(found, wanted) and (column.kind is bool or not isinstance(found, bool))
    if not right or (column.kind is int and not 0 <= found <= LARGEST_COUNT):
        raise UserError(f"{place}: {shown(found, 30)} is no {called}.")
    return float(found) if column.kind is float else found
