"""The schema: bring a database up to date, refuse a newer one, set a broken file aside."""

import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, Column, Connection, Engine, MetaData, Table, Text, inspect, select

from nmviz.base.errors import UserError
from nmviz.store.database import ENVIRONMENT, WRITING, connect, file_of, is_damage

HEAD = "0010"
"""The newest migration. Kept here so that opening a store that is up to date loads no Alembic."""
SCRIPTS = Path(__file__).with_name("migrations")
EXAMINED_WHOLE = 32 * 2**20
"""A file of up to so many bytes is read whole when it is opened, in about 20 ms."""
_VERSION = Table("alembic_version", MetaData(), Column("version_num", Text))
_log = logging.getLogger(__name__)


def revision(connection: Connection) -> str | None:
    """The migration a database is at, None before the first."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(select(_VERSION.c.version_num))


def bring_up_to_date(engine: Engine, url: URL, named: str) -> str | None:
    """Run the missing migrations, all or none, and give the one it was at. UserError for a newer or
    foreign database, which is called `named`.
    """
    with engine.connect() as connection:
        before = revision(connection)
    if before == HEAD:
        return before
    migrating = connect(url, migrating=True)
    try:
        with migrating.execution_options(**WRITING).begin() as connection:
            if revision(connection) != HEAD:  # another process may have been faster
                _migrate(connection, named)
    finally:
        migrating.dispose()
    return before


def _migrate(connection: Connection, named: str) -> None:
    from alembic import command  # slow to import and seldom needed
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = revision(connection)
    if found is not None and found not in known:
        raise UserError(
            f"The database {named} was written by a newer nmviz (schema {found[:20]}): "
            f"update nmviz or set {ENVIRONMENT} to another file."
        )
    if found is None and inspect(connection).get_table_names():
        raise UserError(
            f"The database {named} holds the tables of another program: "
            f"set {ENVIRONMENT} to another file."
        )
    command.upgrade(config, "head")


def set_aside_if_damaged(url: URL) -> str | None:
    """Rename a damaged SQLite file, its log with it. A note that says so, or None when it is sound.

    UserError when it is damaged and cannot be renamed.
    """
    path = file_of(url)
    if path is None or not path.is_file():
        return None
    examined = path.stat().st_ino
    if not _damaged(path):
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    try:
        if path.stat().st_ino != examined:
            return None
        _rename_with_log(path, target)
    except FileNotFoundError:
        return None  # another process was faster
    except OSError as error:
        raise UserError(f"{path} is damaged and cannot be renamed: {error.strerror}.") from None
    note = f"{path.name} was damaged: it is kept as {target.name}, and a new one was begun."
    _log.warning(note)
    return note


def _damaged(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path, timeout=0)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if path.stat().st_size > EXAMINED_WHOLE:
                return False
            return connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok"
    except sqlite3.Error as error:
        return is_damage(error)


def _rename_with_log(path: Path, target: Path) -> None:
    path.rename(target)
    for ending in ("-wal", "-shm"):
        log = path.with_name(path.name + ending)
        if log.exists():
            log.rename(target.with_name(target.name + ending))
