"""What the process keeps in memory to save work: one budget of bytes, and who holds what."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from nmviz.base.errors import UserError
from nmviz.base.memory import free_memory, give_back, resident

MEMORY = "NMVIZ_MEMORY"
"""The variable of the environment that says how much."""
USUAL = 7 * 2**28
"""Bytes: 1.75 GiB, of passes four windows of 512 tokens of SmolLM2."""
SHARE = 4
"""It is one in so many of what the process may take in all, where that is less."""
CAPTURES = 2**28
"""Of them at most for captures of prompts, from which layers are drawn: five of 256 tokens."""
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class Holder(NamedTuple):
    """Who keeps something: how many bytes, how to let go of it when nothing came for a while, and
    how to give it up where its room is needed."""

    size: Callable[[], int]
    let_go: Callable[[], None] | None
    give_up: Callable[[], None] | None


@dataclass
class _Limit:
    """Whether the process is held to a size at all, and to which bytes where one was said."""

    is_set: bool = False
    said: int | None = None


_held: dict[str, Holder] = {}
_limit = _Limit()


def keep_within(most: int | None) -> None:
    """From now on the process takes so many bytes in all at the most; with None what is free."""
    _limit.is_set, _limit.said = True, most


def most() -> int | None:
    """Bytes that the process may take in all; None where nothing holds it to a size, or nobody
    tells what is free."""
    if not _limit.is_set:
        return None
    return free_memory() if _limit.said is None else _limit.said


def budget() -> int:
    """Bytes that what dense models did may take: NMVIZ_MEMORY, such as 512M or 2G, a unit being
    1,024 of the one before; else a quarter of what the process may take in all, and 1.75 GiB at the
    most. The weights of models are no part of it. UserError for no size."""
    said = os.environ.get(MEMORY, "").strip()
    if said:
        return read_size(said, MEMORY)
    return USUAL if _limit.said is None else min(USUAL, _limit.said // SHARE)


def of_process(said: str | None) -> int | None:
    """Bytes that a command may take in all: what is `said`, else NMVIZ_MEMORY, which a command that
    keeps no passes reads so; None where neither is, or it is 0, with which a page keeps nothing.
    UserError for no size."""
    if said is not None:
        return read_size(said, "--memory")
    named = os.environ.get(MEMORY, "").strip()
    return (read_size(named, MEMORY) or None) if named else None


def read_size(said: str, name: str) -> int:
    """The bytes that a size such as 512M, 2G or 4GiB is. UserError for no size, by its name."""
    size = SIZE.fullmatch(said.strip())
    if size is None:
        raise UserError(f"{name} is {said[:40]!r}: give a size such as 512M or 2G.")
    return int(float(size[1]) * UNITS[size[2].upper()])


def of_captures() -> int:
    """Bytes of the budget that captures may take."""
    return min(CAPTURES, budget() // 2)


def of_passes() -> int:
    """And what is left of it for passes over texts."""
    return budget() - of_captures()


def holds(
    name: str,
    size: Callable[[], int],
    let_go: Callable[[], None] | None = None,
    give_up: Callable[[], None] | None = None,
) -> None:
    """Whoever keeps something says what it is called, how to ask for its bytes, where it is kept
    for what comes next and no longer how to let go of it, and where it can be had again how to give
    it up: the same way unless another is said."""
    _held[name] = Holder(size, let_go, give_up or let_go)


def held() -> dict[str, int]:
    """Bytes by what is kept, as far as anything of it was made yet."""
    return {name: one.size() for name, one in list(_held.items())}


def rest() -> None:
    """Let go of what is only kept for what comes next: nothing came for a while."""
    for one in list(_held.values()):
        if one.let_go is not None:
            one.let_go()


def idle() -> int:
    """Bytes of what can be given up."""
    return sum(one.size() for one in list(_held.values()) if one.give_up is not None)


def make_room(needed: int, most: int) -> None:
    """Give up what can be, where so many bytes more would not fit into `most` beside it."""
    if idle() and (resident() or 0) + needed > most:
        for one in list(_held.values()):
            if one.give_up is not None:
                one.give_up()
        give_back()
