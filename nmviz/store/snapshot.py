"""A database that cannot be written: this process reads a copy of it and keeps nothing.

A copy, because SQLite may not even read where it cannot write beside the file, an older version has
to be migrated first, and what ships may have changed. The database itself is left as it is.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy import URL

from nmviz.base.errors import UserError
from nmviz.store.database import FILE_NAME, PATIENCE, can_write, file_of

NOTHING_KEPT = "Nothing that is measured here is kept: the store is read-only."
SHOWN = "What it holds is shown."
OLDER = "An older version wrote it: a copy, brought up to date, is shown."
ONLY_SHIPPED = "It cannot be read, so only the results that ship are shown."
MISSING = "It holds nothing yet, so only the results that ship are shown."


def is_read_only(url: URL) -> bool:
    """Whether a SQLite database cannot be written: its file, its folder, or by its address. SQLite
    keeps a log beside the file, so the folder counts."""
    path = _path_of(url)
    if path is None:
        return False
    if url.query.get("mode") == "ro" or "immutable" in url.query:
        return True
    if os.path.exists(path) and not can_write(path):
        return True
    return not can_write(next(parent for parent in _parents(path) if os.path.exists(parent)))


def _parents(path: Path) -> Iterator[Path]:
    return iter(path.absolute().parents)


def _path_of(url: URL) -> Path | None:
    """The file of a SQLite database, of an address that begins with `file:` too."""
    if url.get_backend_name() != "sqlite":
        return None
    return file_of(url) or Path(unquote(urlsplit(str(url.database)).path))


def new_folder() -> TemporaryDirectory[str]:
    """A folder for the copy, which goes when it is closed or the process ends. UserError where none
    can be made."""
    try:
        return TemporaryDirectory(prefix="nmviz-", ignore_cleanup_errors=True)
    except OSError:
        raise UserError(
            "Neither the store nor a temporary folder can be written: set TMPDIR to one that can."
        ) from None


def copied(url: URL, folder: Path) -> tuple[URL, str]:
    """The address of the copy, and in words what is in it. A database that cannot be read leaves
    the copy empty, as one that is not there does."""
    source, target = _path_of(url), folder / FILE_NAME
    there = source is not None and os.path.exists(source)
    said = SHOWN if there else MISSING
    try:
        if source is not None and there:
            _copy(source, target)
    except OSError:
        said = ONLY_SHIPPED
    return URL.create("sqlite", database=str(target)), said


def _copy(source: Path, target: Path) -> None:
    """With its log. Where another process has it open, SQLite copies what is written whole; where
    none has, SQLite is not asked, since it would leave files beside that are in others' way."""
    log, index = (source.with_name(source.name + ending) for ending in ("-wal", "-shm"))
    try:
        if os.path.exists(index):
            _back_up(source, target)
            return
    except sqlite3.Error:
        target.unlink(missing_ok=True)
    shutil.copyfile(source, target)
    if os.path.exists(log):
        shutil.copyfile(log, target.with_name(f"{target.name}-wal"))


def _back_up(source: Path, target: Path) -> None:
    address = f"file:{quote(str(source.absolute()))}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=PATIENCE)) as there,
        closing(sqlite3.connect(target)) as here,
    ):
        there.backup(here)
