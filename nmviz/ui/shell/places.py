"""How much is worked out at once: live work in turns, and pictures in between."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import gradio as gr
from anyio import CapacityLimiter, to_thread

from nmviz.base import holding
from nmviz.base.errors import UserError
from nmviz.base.memory import give_back
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.sessions import Turn

T = TypeVar("T")

SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_UNTIL_LET_GO = 1.0
SECONDS_UNTIL_REST = 45.0
"""So long a dense pass waits for another experiment on its text."""
PICTURES = CapacityLimiter(4)
"""One is held while a layer's pictures are worked out; they wait for no live work."""


def among_pictures(handler: Callable[..., T]) -> Callable[..., Awaitable[T]]:
    """A handler that works out pictures. While it waits it holds none of the threads that answer
    what is stored."""

    async def waiting(*given: Any) -> T:
        return await to_thread.run_sync(handler, *given, limiter=PICTURES)

    return waiting


MOST_WAITING = 20
"""More would wait for longer than anyone stays."""


class Places:
    """Who works, and who waits, first come first served. Whoever stops waiting frees the place."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self.begun = 0  # so many had a place
        self._working: list[Turn] = []
        self._waiting: list[Turn] = []

    def before(self, turn: Turn) -> int:
        """How many come before it; with 0 it has a place, and keeps it until it leaves. UserError
        where too many wait already."""
        with self._lock:
            if turn in self._working:
                return 0
            if turn not in self._waiting:
                if len(self._waiting) >= MOST_WAITING:
                    raise UserError(f"{MOST_WAITING} wait for a run already: try again later.")
                self._waiting.append(turn)
            place = self._waiting.index(turn)
            if place or len(self._working) >= self._at_once:
                return place + 1
            self._waiting.remove(turn)
            self._working.append(turn)
            self.begun += 1
            return 0

    @property
    def at_work(self) -> bool:
        """Whether anybody has a place."""
        return bool(self._working)

    def leave(self, turn: Turn) -> None:
        """It has ended, or will not begin."""
        with self._lock:
            for there in (self._working, self._waiting):
                if turn in there:
                    there.remove(turn)


LIVE = Places(2)
"""Those of the page that this process serves."""


async def in_turn(
    turn: Turn, steps: Callable[[], Iterator[T]], waits: Callable[[int], T]
) -> AsyncGenerator[T, None]:
    """The steps of live work once there is a place; until then what `waits` says of how many come
    before. Work that is stopped while it waits begins at once, and finds that it is stopped.
    gr.Error where too many wait already."""
    said = 0
    try:
        while not turn.is_set() and (before := _before(turn)):
            if before != said:
                said = before
                yield waits(before)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        if turn.is_set():
            LIVE.leave(turn)
        begun = steps()
        while (step := await to_thread.run_sync(next, begun, None)) is not None:
            yield step
    finally:
        LIVE.leave(turn)
        _give_back_soon()


def _give_back_soon() -> None:
    """Once what the work held is let go of, which is after its last step was sent; and once more
    after a while, if no other work came, with what was kept for it."""
    _later(SECONDS_UNTIL_LET_GO, give_back)
    _later(SECONDS_UNTIL_REST, partial(_rest, LIVE.begun))


def _rest(begun: int) -> None:
    if LIVE.begun == begun and not LIVE.at_work:
        holding.rest()
        give_back()


def _later(seconds: float, do: Callable[[], None]) -> None:
    waiting = threading.Timer(seconds, do)
    waiting.daemon = True
    waiting.start()


def _before(turn: Turn) -> int:
    try:
        return LIVE.before(turn)
    except UserError as error:
        raise gr.Error(sentence(error), print_exception=False) from None
