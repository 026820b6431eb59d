"""A real PostgreSQL for tests: a server of its own on loopback, a new database for each test."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from serving import free_port
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

REQUIRE = "NMVIZ_REQUIRE_POSTGRES"
ADMIN, PASSWORD = "nmviz", "a word"
PATIENCE = 60  # seconds
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
_numbers = count(1)


def missing() -> str:
    """Why there is no server here, in a sentence; empty where there can be one."""
    if _program("initdb") is None:
        return "there is no PostgreSQL server here: install Debian's postgresql"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "there is no psycopg here: pip install 'nmviz[postgres]'"
    return ""


def skip_without() -> None:
    """Skip where there is no PostgreSQL, or fail where one is required."""
    if why := missing():
        (pytest.fail if os.environ.get(REQUIRE) == "1" else pytest.skip)(why)


def _program(name: str) -> str | None:
    """Debian keeps those of the server off the path."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join(map(str, places))) or shutil.which(name)


class Server:
    """A server on a folder of its own, stopped by its own process id."""

    def __init__(self, folder: Path, user: dict[str, str]) -> None:
        self._folder, self._user, self.port = folder, user, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to serve, and wait until it answers."""
        told = ("listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories=")
        log = self._folder / "log"
        with log.open("ab") as written:
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", self._folder / "data", *_settings(*told, *FAST)],
                stdout=written,
                stderr=written,
                cwd=self._folder,
                **self._user,
            )
        give_up = time.monotonic() + PATIENCE
        while True:
            try:
                self.execute("SELECT 1")
                return
            except OperationalError:
                if self._process.poll() is not None or time.monotonic() > give_up:
                    raise AssertionError(log.read_text()) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """End it, without waiting for those that are connected."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(PATIENCE)

    def url(self, database: str, user: str = ADMIN, password: str = PASSWORD) -> str:
        """The address of a database for a user."""
        place = ("127.0.0.1", self.port, database)
        url = URL.create("postgresql+psycopg", user, password, *place)
        return url.render_as_string(hide_password=False)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """One statement by the administrator, outside a transaction."""
        engine = create_engine(self.url(database), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(statement))

    @contextmanager
    def new_database(self, template: str = "template0") -> Iterator[str]:
        """The address of one that no other test has, empty or as a template, until the end of the
        block."""
        name = f"of_test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _settings(*settings: str) -> list[str]:
    return [f"--{one}" for one in settings]


@contextmanager
def serving() -> Iterator[Server]:
    """A server of one's own, until the end of the block. It runs as another user where this is
    root, whom PostgreSQL refuses; pytest's own folders are closed to others."""
    user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    with TemporaryDirectory(prefix="nmviz-postgres-") as name:
        folder, words = Path(name), Path(name) / "password"
        words.write_text(PASSWORD)
        words.chmod(0o644)
        if user:
            shutil.chown(folder, **user)
        made = ["-D", folder / "data", "-U", ADMIN, "-A", "scram-sha-256", "--pwfile", words]
        made += ["--encoding=UTF8", "--locale=C", "--no-sync"]
        begin = [_program("initdb"), *made]
        subprocess.run(begin, check=True, capture_output=True, cwd=folder, **user)
        server = Server(folder, user)
        try:
            server.start()
            yield server
        finally:
            server.stop()
