"""Sweeps: a grid of experiments, read from a YAML file that anybody may have written."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

from nmviz.base.errors import UserError
from nmviz.base.plain_yaml import load
from nmviz.base.registry import Registry
from nmviz.core.experiment import FOUND, Experiment
from nmviz.sources import corpora

LARGEST_FILE = 100_000  # characters
MOST = 20_000  # combinations of one file

Value: TypeAlias = str | tuple[str, ...] | None
Axes: TypeAlias = Mapping[str, tuple[Value, ...]]
Read: TypeAlias = Callable[[dict[str, Value]], Mapping[str, Any]]

SCOPE = frozenset(("projections", "blocks"))
HOW = frozenset(
    (
        "target",
        "pattern",
        "plan",
        "criterion",
        "mitigations",
        "drop",
        "by",
        "ties",
        "dropping",
        "calibration_windows",
        "seed",
    )
)
PRUNED = SCOPE | HOW
"""Settings of what is pruned and how: experiments that differ in no other share a dense pass."""

FIELDS: Registry[str] = Registry("setting of a grid")
for _name in Experiment.model_fields:
    if _name not in FOUND:
        FIELDS.add(_name, _name)
FIELDS.freeze()

PARTS: Registry[str] = Registry("part of a grid file")
for _name in ("shared", "grids"):
    PARTS.add(_name, _name)
PARTS.freeze()


@dataclass(frozen=True)
class LeftOut:
    """A combination that is no experiment, and why, in one sentence."""

    what: str
    reason: str


@dataclass(frozen=True)
class Grid:
    """One mapping a grid: a setting of an experiment to the values it takes.

    Every combination is an experiment. None leaves a setting at its default.
    """

    grids: tuple[Axes, ...]
    folder: Path | None = None
    """Where its file lies, and with it the plans that it names."""

    def experiments(self, read: Read = dict) -> tuple[list[Experiment], list[LeftOut]]:
        """What the combinations are, each once, in the order of the file, and what is none. `read`
        is given each combination and gives it back with what its plan says."""
        built: dict[Experiment, None] = {}
        refused: dict[LeftOut, None] = {}
        for axes in self.grids:
            for fields in _combinations(axes):
                try:
                    built[Experiment.build(**read(_given(fields)))] = None
                except UserError as reason:
                    refused[LeftOut(_words(fields, axes), str(reason))] = None
        return list(built), list(refused)


def read_grid(path: Path) -> Grid:
    """The grid of a YAML file. UserError, one sentence, when it is none."""
    return replace(parse_grid(corpora.read_file(path), path.name), folder=path.parent)


def parse_grid(text: str, name: str) -> Grid:
    """The grid of a YAML text; `name` is what messages call it. UserError when it is none."""
    if len(text) > LARGEST_FILE:
        raise UserError(f"{name} has more than {LARGEST_FILE:,} characters: split it into parts.")
    try:
        return _grid(load(text))
    except UserError as error:
        raise UserError(f"{name}: {error}") from None


def grid_of(axes: Mapping[str, Any]) -> Grid:
    """The grid of one mapping of settings to values or lists of them. UserError when it is none."""
    return _grid({"grids": [_as_text(dict(axes))]})


def _as_text(given: Any) -> Any:
    """Values as a file has them: numbers written out, tuples as lists."""
    if isinstance(given, dict):
        return {name: _as_text(value) for name, value in given.items()}
    if isinstance(given, (list, tuple)):
        return [_as_text(one) for one in given]
    return given if given is None else str(given)


def _grid(document: Any) -> Grid:
    parts = _mapping(document, "The file", PARTS)
    grids = parts.get("grids")
    if not isinstance(grids, list) or not grids:
        raise UserError("`grids` is a list of mappings, such as `- pattern: [2:4, 8:16]`.")
    shared = _mapping(parts.get("shared") or {}, "`shared`", FIELDS)
    every = [{**shared, **_mapping(grid or {}, "A grid", FIELDS)} for grid in grids]
    axes = tuple({name: _values(name, given) for name, given in one.items()} for one in every)
    count = sum(prod(map(len, one.values())) for one in axes)
    if count > MOST:
        raise UserError(f"These are {count:,} combinations, more than {MOST:,}: leave some out.")
    return Grid(axes)


def _mapping(given: Any, what: str, known: Registry[str]) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise UserError(f"{what} is no mapping: write `name: value` or `name: [value, value]`.")
    return {known.get(str(name)[:60]): value for name, value in given.items()}


def _values(name: str, given: Any) -> tuple[Value, ...]:
    """One value or a list of them; a list within the list is one value of several parts."""
    values = given if isinstance(given, list) else [given]
    read = tuple(tuple(value) if isinstance(value, list) else value for value in values)
    for part in (part for value in read for part in _parts(value)):
        if not isinstance(part, str | None):
            raise UserError(f"`{name}` is a value or a list of values: write no mapping there.")
        if part is not None and not part.isprintable():
            raise UserError(f"`{name}` holds a character that cannot be printed: leave it out.")
    if not read:
        raise UserError(f"`{name}` has no values: give one or leave it out.")
    return read


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _combinations(axes: Axes) -> Iterator[dict[str, Value]]:
    for values in product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _given(fields: Mapping[str, Value]) -> dict[str, Value]:
    """What `Experiment.build` takes: no defaults."""
    return {name: value for name, value in fields.items() if value is not None}


def _words(fields: Mapping[str, Value], axes: Axes) -> str:
    """The settings that the grid varies, or all where it varies none."""
    varied = [name for name, values in axes.items() if len(values) > 1] or list(fields)
    said = {name: fields[name] for name in varied if fields[name] is not None}
    return ", ".join(f"{name} {','.join(map(str, _parts(value)))}" for name, value in said.items())
