"""Columns: what an importer takes from a file, declared as a list. Each says our name for a value,
where the file has it, what it has to be, and whether it has to be there."""

from collections.abc import Callable, Mapping, Sequence
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
    dict: (dict, "object"),
    object: (object, "value"),
}
"""What a value of JSON may be, and how it is called."""
Reader = Callable[[Any, str], Any]
"""Makes of a value what we keep, told its place. UserError where it is none."""


@dataclass(frozen=True)
class Column:
    """One value of an object of JSON. Of several with the same name the first that is there counts:
    what other versions of a program call it comes behind it."""

    name: str
    path: str | tuple[str, ...]  # names of objects with dots between, or one by one
    kind: type | Reader
    required: bool = False

    def find(self, document: Any) -> Any:
        """The value at the end of the path, None where there is none."""
        for name in self.path.split(".") if isinstance(self.path, str) else self.path:
            document = document.get(name) if isinstance(document, Mapping) else None
        return document

    @property
    def place(self) -> str:
        """The path on one line."""
        return self.path if isinstance(self.path, str) else ".".join(map(shown, self.path))


Find = Callable[[Column, Any], Any]
"""How a document is asked for a column; None where it has none."""


def values(
    columns: Sequence[Column],
    document: Any,
    where: str,
    within: str = "",
    find: Find = Column.find,
) -> dict[str, Any]:
    """The values by our names, None for those that are not there. `where` is the file, `within`
    what stands before the paths of a part of it.

    UserError, with the path, for a required one that is missing and for one of another kind.
    """
    found: dict[str, Any] = {}
    for column in columns:
        if found.setdefault(column.name, None) is not None:
            continue
        told = find(column, document)
        place = f"{where} at {f'{within}.' if within else ''}{column.place}"
        if told is not None:
            found[column.name] = value_of(column.kind, told, place)
        elif column.required:
            raise UserError(f"{place}: it is missing.")
    return found


def value_of(kind: type | Reader, value: Any, place: str) -> Any:
    """A value of one kind. UserError, with its place, for one of another."""
    if not isinstance(kind, type):
        return kind(value, place)
    wanted, called = KINDS[kind]
    right = isinstance(value, wanted) and (kind in (bool, object) or not isinstance(value, bool))
    if not right or (kind is int and not 0 <= value <= LARGEST_COUNT):
        raise UserError(f"{place}: {shown(value, 30)} is no {called}.")
    return float(value) if kind is float else value
