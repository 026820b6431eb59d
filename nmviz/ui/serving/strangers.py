"""Scripts that call an endpoint by its name, without a session: each call gets one while it lasts.

Gradio would describe every component of the page anew for it.
"""

import re
import secrets
from typing import cast

import orjson
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from nmviz.ui.serving.bodies import again, body_of
from nmviz.ui.serving.visits import Visits

NAMED = re.compile(r"/gradio_api/(run|api)/(?!predict\b)\w+/?")


class Strangers:
    """ASGI middleware in front of the page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] == "http" and scope["method"] == "POST"
        if not asks or not NAMED.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        session, body = secrets.token_hex(6), await body_of(receive)
        with_session = _in_session(body, session)
        if with_session is None:
            await self.app(scope, again(body, receive), send)
            return
        headers = MutableHeaders(raw=list(scope["headers"]))
        headers["content-length"] = str(len(with_session))
        try:
            await self.app({**scope, "headers": headers.raw}, again(with_session, receive), send)
        finally:
            cast(Visits, scope["app"].get_blocks().state_holder).forget(session)


def _in_session(body: bytes, session: str) -> bytes | None:
    """The body with a session; None where it has one, or is none of Gradio's."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(asked, dict) or asked.get("session_hash"):
        return None
    return orjson.dumps({**asked, "session_hash": session})
