"""What tests ask a database beside the store, of either kind: an address or a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert, text
from sqlalchemy.pool import NullPool

from nmviz.store import database, open_store, seed
from nmviz.store.tables import SeedStateRow


def ask(where: str | Path, statement: str) -> Sequence[Any]:
    """The rows of one statement, written for good; none of one that gives none."""
    engine = create_engine(database.address(where), poolclass=NullPool)
    with engine.begin() as connection:
        given = connection.execute(text(statement))
        return given.all() if given.returns_rows else []


def rows_in(where: str | Path, table: str) -> int:
    """How many rows a table has."""
    return int(ask(where, f"SELECT count(*) FROM {table}")[0][0])


def believed_built(where: str) -> None:
    """Make a store that holds nothing but believes that what ships is in it: no process that opens
    it takes the time to read that."""
    with open_store(where) as store, store.writing() as connection:
        digest = seed._digest([*seed._code(), *seed._files(database.results_folder())])
        row = {"name": seed.STATE, "digest": digest, "rows": 0}
        connection.execute(insert(SeedStateRow).values(**row))
