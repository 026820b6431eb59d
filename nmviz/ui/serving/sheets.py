"""Pages beside the page, such as lessons to print at /lessons/1: each made once as long as the
store stands."""

import asyncio
import re
from collections.abc import Callable, Hashable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from nmviz import service
from nmviz.ui.serving.files import File, response_of

NAME = re.compile(r"\w{1,40}", re.ASCII)


class Sheets:
    """ASGI middleware. `made` gives the page of a name in the folder `at`, `failed` a sentence
    where it cannot; the guard in front lets no name through that there is not."""

    def __init__(
        self, app: ASGIApp, at: str, made: Callable[[str], str], failed: Callable[[Exception], str]
    ) -> None:
        self.app, self.at, self.made, self.failed = app, f"/{at}/", made, failed
        self._kept: dict[str, tuple[Hashable, File]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = self._asked(scope)
        if name is None:
            await self.app(scope, receive, send)
            return
        answer = await self._answer(name, Headers(scope=scope))
        await answer(scope, receive, send)

    async def _answer(self, name: str, headers: Headers) -> Response:
        """The page, or one sentence where it cannot be made."""
        standing = service.standing(["store"])
        kept, file = self._kept.get(name, (None, None))
        if file is None or kept != standing:
            try:
                text = await asyncio.to_thread(self.made, name)
            except Exception as error:
                return PlainTextResponse(self.failed(error), 500)
            file = File("text/html; charset=utf-8", text.encode())
            self._kept[name] = (standing, file)
        return await response_of(file, "/", headers)

    def _asked(self, scope: Scope) -> str | None:
        """The name of a page of this folder; None where something else is asked for."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        name = path.removeprefix(self.at)
        return name if path.startswith(self.at) and NAME.fullmatch(name) else None
