"""The process that speaks with Ray, as the command sees it: begun, listened to, ended."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from tempfile import TemporaryDirectory
from typing import Self

from nmviz.base.cache import cache_dir, make_folder
from nmviz.base.errors import StorageError, UserError
from nmviz.core.running import Running
from nmviz.service.cluster.asked import Asked, Node
from nmviz.service.cluster.driving import SECONDS_TO_END, drive
from nmviz.service.cluster.messages import Done, Fault, Message
from nmviz.service.schedules import Group

LOG = "ray.log"
SECONDS_TO_CONNECT = 60.0
SECONDS_TO_START = 180.0
"""For a cluster of this machine's own: starting it takes the processors, which may be busy."""


class Apart:
    """That process, until the end of the block; a cluster that it started ends with it."""

    def __init__(
        self, asked: Asked, own: Node, groups: Sequence[Group], how: Running, store: str
    ) -> None:
        self._asked = asked
        context = multiprocessing.get_context("spawn")
        self._told, theirs = context.Pipe()
        log = make_folder(cache_dir()) / LOG
        self._folder = TemporaryDirectory(
            prefix="nmviz-ray-", dir=_short(), ignore_cleanup_errors=True
        )
        given = (asked, own, tuple(groups), how, store, theirs, log, self._folder.name)
        self._process = context.Process(target=drive, args=given, name="nmviz-ray")
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._told.close()
        self._process.join(2 * SECONDS_TO_END)
        self._process.kill()
        self._process.join()
        self._folder.cleanup()

    def messages(self) -> Iterator[Message]:
        """What it tells, until it is done. UserError where nobody answers in time, for what it
        refuses, and when the connection to the cluster is lost; StorageError for what a worker
        cannot store."""
        own = self._asked.address is None
        if not self._told.poll(SECONDS_TO_START if own else SECONDS_TO_CONNECT):
            raise UserError(
                f"{self._where} does not answer in time: check that Ray runs there, and try again."
            )
        while True:
            try:
                message = self._told.recv()
            except (EOFError, OSError):
                raise UserError(
                    f"{self._where} is gone: start it again. What ended is stored; the same "
                    "command goes on from there."
                ) from None
            if isinstance(message, Fault):
                raise StorageError(message.text) if message.of_storage else UserError(message.text)
            if isinstance(message, Done):
                return
            yield message

    @property
    def _where(self) -> str:
        return f"Ray at {self._asked.address or 'this machine'}"


def _short() -> str | None:
    """A folder whose name leaves room for those of Ray's sockets, which may have 107 bytes."""
    return "/tmp" if os.path.isdir("/tmp") else None
