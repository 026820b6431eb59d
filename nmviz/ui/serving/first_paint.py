"""The page with what a link shows first already in it, as text, before any script runs."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from nmviz import service
from nmviz.ui.serving.files import HOSTS, File, body_in, plain_answer, response_of

LOG = logging.getLogger("nmviz")
MEMORY = 16 * 2**20
HEAD_ENDS = b"</head>"
BEFORE = b"<gradio-app"
"""What the script of the page fills: the first paint stands in front of it."""


class FirstPaint:
    """ASGI middleware: the page of each link, made once for all visitors as long as the store
    stands. `head` is HTML for the head of every page; `paint` gives what a query shows first."""

    def __init__(self, app: ASGIApp, head: str, paint: Callable[[str], str]) -> None:
        self.app, self.head, self.paint = app, head.encode(), paint
        self._kept: OrderedDict[Hashable, File] = OrderedDict()
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_page(scope):
            await self.app(scope, receive, send)
            return
        headers, query = Headers(scope=scope), scope["query_string"].decode("latin-1")
        hosts = (headers.get(name, "")[:200] for name in HOSTS)
        key = (scope["scheme"], scope.get("root_path", ""), *hosts, query)
        standing = service.standing(["store"])
        file = self._kept.get((key, standing))
        if file is None:
            async with self._making:
                file = self._kept.get((key, standing)) or await self._made(scope, receive, query)
                if file is not None:
                    self._keep((key, standing), file)
        if file is None:
            await self.app(scope, receive, send)
        else:
            await (await response_of(file, "/", headers))(scope, receive, send)

    async def _made(self, scope: Scope, receive: Receive, query: str) -> File | None:
        """The page with its first paint; None where there is no page."""
        messages = await plain_answer(self.app, scope, receive)
        body = body_in(messages)
        if messages[0]["status"] != 200 or BEFORE not in body:
            return None
        part = await asyncio.to_thread(self._painted, query)
        before, _, after = body.rpartition(BEFORE)
        before = before.replace(HEAD_ENDS, self.head + HEAD_ENDS, 1)
        return File("text/html; charset=utf-8", b"".join((before, part, BEFORE, after)))

    def _painted(self, query: str) -> bytes:
        """Nothing where it fails: the page itself then says why."""
        try:
            return self.paint(query).encode()
        except Exception:
            LOG.exception("the first paint failed")
            return b""

    def _keep(self, key: Hashable, file: File) -> None:
        self._kept[key] = file
        while len(self._kept) > 1 and sum(one.size for one in self._kept.values()) > MEMORY:
            self._kept.popitem(last=False)


def _is_page(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    return scope["path"].removeprefix(scope.get("root_path", "")) in ("", "/")
