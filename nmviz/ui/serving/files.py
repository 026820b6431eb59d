"""The page and its files, worked out and compressed once, then served from memory, bounded."""

import asyncio
import gzip
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import brotli
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEMORY = 32 * 2**20
LARGEST = 8 * 2**20
SMALL = 600
"""Bytes that are not worth compressing."""
KEPT = re.compile(r"/(config/?|theme\.css|(assets|static)/.+)?")
"""What is the same for all who ask at the same address. `/` has no other page."""
WORDS = ("text/", "application/javascript", "application/json", "image/svg", "application/manifest")
CONDITIONS = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
HOSTS = ("host", "x-forwarded-host", "x-forwarded-proto")
"""The page repeats at which address it was asked for."""
FOR_GOOD = "public, max-age=31536000, immutable"
"""Files of Gradio's build have the hash of their content in the name."""
ENCODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, quality=5),
    "gzip": lambda body: gzip.compress(body, 6),
}


@dataclass(frozen=True)
class File:
    """A file as it is, and as it was asked for, by content encoding."""

    kind: str
    body: bytes
    packed: dict[str, bytes] = field(default_factory=dict)
    _packing: asyncio.Lock = field(default_factory=asyncio.Lock, compare=False, repr=False)

    @cached_property
    def tag(self) -> str:
        """Of its content."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    @property
    def size(self) -> int:
        """Bytes it takes in memory."""
        return len(self.body) + sum(map(len, self.packed.values()))

    async def told(self, accepted: str) -> tuple[str, bytes]:
        """Encoding and body for a client that accepts these; compressed the first time, and once
        however many ask meanwhile."""
        encoding = next((one for one in ENCODINGS if one in accepted), "")
        if not encoding or not self.kind.startswith(WORDS) or len(self.body) <= SMALL:
            return "", self.body
        async with self._packing:
            if encoding not in self.packed:
                packed = await asyncio.to_thread(ENCODINGS[encoding], self.body)
                self.packed[encoding] = packed
        return encoding, self.packed[encoding]


class Files:
    """ASGI middleware: files by path and by the address they are asked at."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept: OrderedDict[tuple[str, ...], File] = OrderedDict()
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if not KEPT.fullmatch(path):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        hosts = (headers.get(name, "")[:200] for name in HOSTS)
        key = (scope["path"], scope["scheme"], scope.get("root_path", ""), *hosts)
        file = self._kept.get(key)
        if file is None:
            async with self._making:
                file = self._kept.get(key) or await self._made(key, scope, receive, send)
        if file is not None:  # else it is none, and was answered so
            if key in self._kept:
                self._kept.move_to_end(key)
            await (await response_of(file, path, headers))(scope, receive, send)

    async def _made(
        self, key: tuple[str, ...], scope: Scope, receive: Receive, send: Send
    ) -> File | None:
        """The file as Gradio gives it; what is not a whole file is passed on as it is."""
        messages = await plain_answer(self.app, scope, receive)
        start, body = messages[0], body_in(messages)
        if start["status"] != 200 or len(body) > LARGEST:
            for message in messages:
                await send(message)
            return None
        kind = Headers(raw=start["headers"]).get("content-type", "application/octet-stream")
        file = self._kept[key] = File(kind, body)
        while sum(one.size for one in self._kept.values()) > MEMORY:
            self._kept.popitem(last=False)
        return file


async def plain_answer(app: ASGIApp, scope: Scope, receive: Receive) -> list[Message]:
    """What an app answers to a GET at that address, whole and not compressed."""
    messages: list[Message] = []

    async def collect(message: Message) -> None:
        messages.append(message)

    plain = [pair for pair in scope["headers"] if pair[0] not in CONDITIONS]
    await app({**scope, "method": "GET", "headers": plain}, receive, collect)
    return messages


def body_in(messages: Sequence[Message]) -> bytes:
    """The body of an answer."""
    return b"".join(message.get("body", b"") for message in messages[1:])


async def response_of(file: File, path: str, headers: Headers) -> Response:
    """The answer to a request with these headers for the file at that path."""
    told = {
        "etag": file.tag,
        "vary": "Accept-Encoding",
        "cache-control": FOR_GOOD if path.startswith("/assets/") else "no-cache",
    }
    if headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=told)
    encoding, body = await file.told(headers.get("accept-encoding", ""))
    if encoding:
        told["content-encoding"] = encoding
    return Response(body, headers={**told, "content-type": file.kind})
