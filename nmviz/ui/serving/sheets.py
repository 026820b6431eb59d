"""Lessons to print, at /lessons/1 and so on: each made once as long as the store stands."""

import asyncio
import re
from collections.abc import Callable, Hashable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from nmviz import service
from nmviz.ui.serving.files import File, response_of

PATH = re.compile(r"/lessons/(?P<number>\d{1,3})")


class Sheets:
    """ASGI middleware. `made` gives the page of a lesson by its number, `failed` a sentence where
    it cannot; the guard in front lets none through that there is not."""

    def __init__(
        self, app: ASGIApp, made: Callable[[int], str], failed: Callable[[Exception], str]
    ) -> None:
        self.app, self.made, self.failed = app, made, failed
        self._kept: dict[int, tuple[Hashable, File]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _asked(scope)
        if found is None:
            await self.app(scope, receive, send)
            return
        answer = await self._answer(int(found["number"]), Headers(scope=scope))
        await answer(scope, receive, send)

    async def _answer(self, number: int, headers: Headers) -> Response:
        """The sheet, or one sentence where it cannot be made."""
        standing = service.standing(["store"])
        kept, file = self._kept.get(number, (None, None))
        if file is None or kept != standing:
            try:
                text = await asyncio.to_thread(self.made, number)
            except Exception as error:
                return PlainTextResponse(self.failed(error), 500)
            file = File("text/html; charset=utf-8", text.encode())
            self._kept[number] = (standing, file)
        return await response_of(file, "/", headers)


def _asked(scope: Scope) -> re.Match[str] | None:
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    return PATH.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")))
