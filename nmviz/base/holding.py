"""What the process keeps in memory to save work: one budget of bytes, and who holds what."""

import os
import re
from collections.abc import Callable
from typing import NamedTuple

from nmviz.base.errors import UserError

MEMORY = "NMVIZ_MEMORY"
"""The variable of the environment that says how much."""
USUAL = 7 * 2**28
"""Bytes: 1.75 GiB, of passes four windows of 512 tokens of SmolLM2."""
CAPTURES = 2**28
"""Of them at most for captures of prompts, from which layers are drawn: five of 256 tokens."""
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class Holder(NamedTuple):
    """Who keeps something: how many bytes, and how to let go of it."""

    size: Callable[[], int]
    let_go: Callable[[], None] | None


_held: dict[str, Holder] = {}


def budget() -> int:
    """Bytes that what dense models did may take: NMVIZ_MEMORY, such as 512M or 2G, a unit being
    1,024 of the one before. The weights of models are no part of it. UserError for no size."""
    said = os.environ.get(MEMORY, "").strip()
    return read_size(said, MEMORY) if said else USUAL


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


def holds(name: str, size: Callable[[], int], let_go: Callable[[], None] | None = None) -> None:
    """Whoever keeps something says what it is called, how to ask for its bytes, and, where it is
    kept for what comes next and no longer, how to let go of it."""
    _held[name] = Holder(size, let_go)


def held() -> dict[str, int]:
    """Bytes by what is kept, as far as anything of it was made yet."""
    return {name: one.size() for name, one in list(_held.items())}


def rest() -> None:
    """Let go of what is only kept for what comes next: nothing came for a while."""
    for one in list(_held.values()):
        if one.let_go is not None:
            one.let_go()
