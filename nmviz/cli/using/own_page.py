"""A page in a process of its own, to be timed."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import NamedTuple
from urllib.request import urlopen

from nmviz.base.errors import UserError
from nmviz.store import open_store, seed

READY = 120
"""Seconds after which a page that does not answer did not start."""
SERVE = """
import sys
from nmviz.base.starting import quick_start
quick_start()
from nmviz.ui.launch import serve
serve(port=int(sys.argv[1]))
"""


class OwnPage(NamedTuple):
    """Where it is served, and its process."""

    url: str
    process: int


@contextmanager
def own_page() -> Iterator[OwnPage]:
    """The page in a process of its own, with a store of its own that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        place = Path(folder) / "store.sqlite"
        with open_store(place) as store:
            seed.build(store)
        environment = {**os.environ, "NMVIZ_STORE_URL": f"sqlite:///{place}"}
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(port)], env=environment, stdout=subprocess.DEVNULL
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process)
            yield OwnPage(url, process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = perf_counter() + READY
    while perf_counter() < until and process.poll() is None:
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            sleep(0.2)
    raise UserError("The page did not start: run `nmviz app` to see why.")
