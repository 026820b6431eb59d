"""Open the store: made or brought up to date, set aside where damaged, copied where it cannot be
written."""

from pathlib import Path

from sqlalchemy import URL, Engine

from nmviz.base.errors import UserError
from nmviz.store import postgres, schema, snapshot
from nmviz.store.database import address, connect, file_of, place, plain_errors
from nmviz.store.store import Store


def open_store(url: str | Path | None = None) -> Store:
    """Open the store, made or brought up to date first; a damaged file is set aside, and of one
    that cannot be written a copy is opened.

    `url` is a database address or a SQLite file; without one NMVIZ_STORE_URL decides, else it is
    results/nmviz.sqlite of the checkout, else a file in the cache. UserError when it cannot be
    opened or was written by a newer version.
    """
    where = address(url)
    if snapshot.is_read_only(where):
        return _open_copy(where)
    _make_folder(where)
    note = schema.set_aside_if_damaged(where)
    engine, _ = _opened(where, place(where))
    if postgres.is_postgres(where) and not _may_write(engine, where):
        said = f"{snapshot.NOTHING_KEPT} {snapshot.SHOWN}"
        return Store(engine, where, said, writes=False)
    return Store(engine, where, note)


def _may_write(engine: Engine, where: URL) -> bool:
    with plain_errors(where), engine.connect() as connection:
        return postgres.may_write(connection)


def _open_copy(where: URL) -> Store:
    """A store that keeps nothing, and the note that says so."""
    folder = snapshot.new_folder()
    copy, said = snapshot.copied(where, Path(folder.name))
    if schema.set_aside_if_damaged(copy):
        said = snapshot.ONLY_SHIPPED
    try:
        engine, before = _opened(copy, place(where))
    except BaseException:
        folder.cleanup()
        raise
    if before not in (None, schema.HEAD):
        said = snapshot.OLDER
    return Store(engine, where, f"{snapshot.NOTHING_KEPT} {said}", folder)


def _opened(url: URL, named: str) -> tuple[Engine, str | None]:
    """An engine of a database that is up to date, and which version it was before."""
    engine = connect(url)
    try:
        with plain_errors(url):
            return engine, schema.bring_up_to_date(engine, url, named)
    except BaseException:
        engine.dispose()
        raise


def _make_folder(url: URL) -> None:
    path = file_of(url)
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder of {path} cannot be made: {error.strerror}.") from None
