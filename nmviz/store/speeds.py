"""Measured speeds that others published: from the files that ship into the store, and out again."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from nmviz.published.speeds.implausible import Doubts, implausible
from nmviz.published.speeds.measured import WIDE_FILE, Measured, read_measured
from nmviz.store.store import Store
from nmviz.store.tables import SpeedRow

NAMES = tuple(one.name for one in fields(Measured))


@dataclass(frozen=True)
class Speeds:
    """Measured ratios, and why some of them are in doubt."""

    rows: tuple[Measured, ...]
    doubts: Doubts


def seed(connection: Connection, folder: Path) -> None:
    """The ratios of the files in place of those that are there, each with its doubt."""
    connection.execute(delete(SpeedRow))
    if wanted := _wanted(folder):
        connection.execute(insert(SpeedRow), wanted)


def problems(connection: Connection, folder: Path) -> list[str]:
    """Where the store has other ratios than the files, in one sentence."""
    there = {_cells(row) for row in connection.execute(select(SpeedRow.__table__)).mappings()}
    differ = there ^ {_cells(row) for row in _wanted(folder)}
    said = f"{len(differ):,} measured speeds are not as in the files: run nmviz store build."
    return [said] if differ else []


def find(store: Store, **wanted: str) -> Speeds:
    """Those with these values of machine, dtype, phase, target or pattern, in the files' order."""
    query = select(SpeedRow.__table__).filter_by(**wanted)
    with store.reading() as connection:
        found = connection.execute(query).mappings().all()
    order = sorted(found, key=lambda row: row["row"])
    rows = tuple(Measured(**{name: row[name] for name in NAMES}) for row in order)
    doubts = {(row["row"], row["pattern"]): row["doubt"] for row in found if row["doubt"]}
    return Speeds(rows, doubts)


def _wanted(folder: Path) -> list[dict[str, Any]]:
    """None where no file of speeds ships."""
    if not (folder / WIDE_FILE).is_file():
        return []
    rows = read_measured(folder)
    doubts = implausible(rows)
    return [{**vars(one), "doubt": doubts.get(one.key)} for one in rows]


def _cells(row: Any) -> tuple[Any, ...]:
    return tuple(row[name] for name in (*NAMES, "doubt"))
