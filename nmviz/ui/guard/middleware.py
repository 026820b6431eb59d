"""The guard: every request is checked by its address, size and form before Gradio reads it.

What is refused gets one sentence (400, 403, 404 or 413) and one line in the log. What is passed on
is passed on as it came, and answers are not touched.
"""

import logging
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nmviz.ui.guard.known import Known
from nmviz.ui.guard.refusal import Refusal
from nmviz.ui.guard.routes import LONGEST_ADDRESS, Route, route_of
from nmviz.ui.serving.bodies import again

LOG = logging.getLogger("nmviz")


class Guard:
    """ASGI middleware of the app that Gradio makes, inside what compresses its answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the app's start and end; there are no web sockets in it
            await self.app(scope, receive, send)
            return
        try:
            await self._pass(scope, receive, send)
        except Refusal as refusal:
            LOG.warning("refused with %d: %s: %s", refusal.status, _line(scope), refusal)
            await _answer(refusal)(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, query = scope["path"].removeprefix(scope.get("root_path", "")), scope["query_string"]
        if len(path) + len(query) > LONGEST_ADDRESS:
            raise Refusal(413, f"The address has over {LONGEST_ADDRESS:,} characters: shorten it.")
        route, found = route_of(scope["method"], path)
        known = Known(scope["app"].get_blocks(), scope)
        given: Any = query.decode("latin-1")
        if route.method == "POST":
            given = await _body(scope, receive, route.largest)
            if given is None:  # nobody waits for an answer
                return
            receive = again(given, receive)
        if route.refuse is not None:
            route.refuse(given, found, known)
        await self._answered(route, scope, receive, send)

    async def _answered(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        """Gradio's answer. A stream that breaks, because its session is gone, has told its reader:
        the log needs no more than a line."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception as error:
            if not (route.streams and begun):
                raise
            LOG.warning("a stream broke: %s: %s", _line(scope), type(error).__name__)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _body(scope: Scope, receive: Receive, largest: int) -> bytes | None:
    """The whole body, read up to its bound; None where the client has left. Refusal where it is
    longer, or is said to be no JSON."""
    kind = dict(scope["headers"]).get(b"content-type", b"").split(b";")[0].strip().lower()
    if kind != b"application/json":
        raise Refusal(400, "The body is JSON: send the header Content-Type: application/json.")
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > largest:
            raise Refusal(413, f"The body has more than {largest:,} bytes: send less.")
        more = message.get("more_body", False)
    return body


def _answer(refusal: Refusal) -> Response:
    """As a browser, gradio_client and people read it."""
    words = orjson.dumps({"detail": str(refusal), "error": str(refusal)})
    return Response(words, refusal.status, media_type="application/json")


def _line(scope: Scope) -> str:
    """Method and path, short and on one line."""
    return f"{scope['method'][:10]} {scope['path'][:100]!r}"
