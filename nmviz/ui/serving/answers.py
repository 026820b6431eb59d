"""What is the same for all visitors is worked out once: answers in front of Gradio, bounded.

A request for a handler that is marked `for_all` is answered from memory where another visitor asked
the same before, as long as what it depends on stands as it did: what it read from the store, say.
An answer is what goes to the browser, and what it leaves in the visitor's states. One that tells of
a failure is not kept.
"""

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import gradio as gr
import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nmviz import service
from nmviz.ui.serving.bodies import again, body_of
from nmviz.ui.serving.noted import NOTED, Noted
from nmviz.ui.serving.visits import Visits

ASKED_AT = "/gradio_api/run/predict"
LONGEST_QUESTION = 16_000
"""Bytes: a visitor's own text is read again, and not kept."""
MEMORY = 64 * 2**20
MOST_ANSWERS = 4_000

Handler = TypeVar("Handler", bound=Callable[..., Any])


@runtime_checkable
class Shareable(Protocol):
    """What a visitor has that others may have too."""

    def shared_as(self) -> Hashable | None:
        """What tells it from others; None where it is this visitor's only."""


class _OwnOnly(Exception):
    """What a visitor has is nobody else's."""


def for_all(handler: Handler, *on: service.Changing) -> Handler:
    """Mark a handler that only answers, from the values and states it is given and from what `on`
    names."""
    handler.for_all = on  # type: ignore[attr-defined]
    return handler


def for_all_at_address(handler: Handler, *on: service.Changing) -> Handler:
    """The same of one that answers from the address of the page as well."""
    handler.by_address = True  # type: ignore[attr-defined]
    return for_all(handler, *on)


@dataclass(frozen=True)
class Question:
    """A request: who asks, what, what the visitor had before, by the number of the state, and how
    what its answer depends on stands."""

    session: str
    asked: Hashable
    before: Mapping[int, Any]
    standing: service.Stand

    @property
    def whole(self) -> Hashable:
        """What its answer depends on at most."""
        return self.asked, tuple(_known_by(value) for value in self.before.values())


@dataclass(frozen=True)
class Answer:
    """The body of the response, compressed, what it leaves with the visitor, at which standing it
    was asked for, and what it read from the store."""

    packed: bytes
    left: Mapping[int, Any]
    standing: service.Stand
    read: Sequence[Mapping[str, Any]] = ()

    def changes(self, before: Mapping[int, Any]) -> bool:
        """Whether a visitor had something else before than it leaves."""
        known = {number: value for number, value in self.left.items() if number in before}
        return not known or any(before[number] != value for number, value in known.items())


@dataclass
class Kept:
    """Answers by question, the longest unused going first."""

    memory: int = MEMORY
    most: int = MOST_ANSWERS
    size: int = 0
    _kept: OrderedDict[Hashable, Answer] = field(default_factory=OrderedDict)

    def find(self, question: Question) -> Answer | None:
        """The answer to it. One that is regardless of what the visitor had before serves where it
        changes something; else the handler may have less to say."""
        key = question.asked
        answer = self._current(key, question.standing)
        if answer is None or not answer.changes(question.before):
            key = question.whole
            answer = self._current(key, question.standing)
        if answer is not None:
            self._kept.move_to_end(key)
        return answer

    def keep(self, key: Hashable, answer: Answer) -> None:
        """Keep it, in place of an older one."""
        self._let_go(key)
        if len(answer.packed) > self.memory:
            return
        self._kept[key] = answer
        self.size += len(answer.packed)
        while self.size > self.memory or len(self._kept) > self.most:
            self._let_go(next(iter(self._kept)))

    def _current(self, key: Hashable, standing: service.Stand) -> Answer | None:
        answer = self._kept.get(key)
        if answer is None or answer.standing == standing:
            return answer
        if not service.still_holds(answer.read, answer.standing, standing):
            self._let_go(key)
            return None
        self._kept[key] = answer = replace(answer, standing=standing)
        return answer

    def _let_go(self, key: Hashable) -> None:
        answer = self._kept.pop(key, None)
        self.size -= len(answer.packed) if answer else 0

    def __len__(self) -> int:
        return len(self._kept)


class Answers:
    """ASGI middleware in front of the page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.kept = Kept()
        self._under_way: dict[Hashable, asyncio.Lock] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != ASKED_AT:
            await self.app(scope, receive, send)
            return
        body = await body_of(receive)
        unread = again(body, receive)
        question = self._question(body, scope) if len(body) <= LONGEST_QUESTION else None
        if question is None:
            await self.app(scope, unread, send)
            return
        answer = self.kept.find(question)
        if answer is not None:
            await self._tell(answer, question, scope, receive, send)
            return
        turn = self._under_way.setdefault(question.whole, asyncio.Lock())
        async with turn:
            answer = self.kept.find(question)
            if answer is not None:
                await self._tell(answer, question, scope, receive, send)
            else:
                await self._ask(question, scope, unread, send)
        if not turn.locked():
            self._under_way.pop(question.whole, None)

    def _question(self, body: bytes, scope: Scope) -> Question | None:
        """What is asked; None where it is for Gradio alone."""
        page: gr.Blocks = scope["app"].get_blocks()
        try:
            asked = orjson.loads(body)
            number, session = asked["fn_index"], asked["session_hash"]
            handler = page.fns.get(number) if isinstance(number, int) else None
            on = getattr(handler.fn, "for_all", None) if handler is not None else None
            if handler is None or on is None:
                return None
            content = orjson.dumps([asked.get("data"), asked.get("event_data")])
            visits = cast(Visits, page.state_holder)
            states = [one._id for one in handler.inputs if one.stateful]
            before = {one: visits.before(session, one) for one in states}
            at_address = getattr(handler.fn, "by_address", False)
            address = scope["query_string"] if at_address else b""
            standing = service.standing(on)
            question = Question(str(session), (number, address, content), before, standing)
            hash(question.whole)
            return question
        except (orjson.JSONDecodeError, TypeError, KeyError, _OwnOnly):
            return None

    async def _ask(self, question: Question, scope: Scope, receive: Receive, send: Send) -> None:
        """Have Gradio answer, and keep the answer where others may have it."""
        noted = Noted()
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        token = NOTED.set(noted)
        try:
            with service.noting() as read:
                await self.app(scope, receive, collect)
        finally:
            NOTED.reset(token)
        for message in messages:
            await send(message)
        if messages and messages[0]["status"] == 200 and not noted.failed:
            body = b"".join(one.get("body", b"") for one in messages[1:])
            packed = await asyncio.to_thread(gzip.compress, body, 5)
            key = question.asked if noted.regardless else question.whole
            self.kept.keep(key, Answer(packed, noted.left, question.standing, read))

    async def _tell(
        self, answer: Answer, question: Question, scope: Scope, receive: Receive, send: Send
    ) -> None:
        visits = cast(Visits, scope["app"].get_blocks().state_holder)
        for number, value in answer.left.items():
            visits[question.session][number] = value
        await _response(answer, scope)(scope, receive, send)


def _known_by(value: Any) -> Hashable:
    """What tells a value from others. `_OwnOnly` where no other visitor may have it."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Sequence):
        return tuple(map(_known_by, value))
    shared = value.shared_as() if isinstance(value, Shareable) else None
    if shared is None:
        raise _OwnOnly
    return shared


def _response(answer: Answer, scope: Scope) -> Response:
    accepted = b"".join(value for name, value in scope["headers"] if name == b"accept-encoding")
    headers = {"content-type": "application/json", "vary": "Accept-Encoding"}
    if b"gzip" not in accepted:
        return Response(gzip.decompress(answer.packed), headers=headers)
    return Response(answer.packed, headers={**headers, "content-encoding": "gzip"})
