"""Scopes: subsets of the projections that the paper prunes, by name, and ranges of blocks."""

import re
from dataclasses import dataclass

from nmviz.base.errors import UserError
from nmviz.base.registry import Registry

PROJECTIONS = ("q", "k", "v", "o", "gate", "up", "down")
"""The linear layers of a Llama-like block, in the model's order."""

EXPERTS, ROUTER = "experts", "router"
"""What a list of sites calls all experts of a mixture, and what chooses among them."""
ALL = "all"
PAPER = "arXiv 2509.22166"


@dataclass(frozen=True)
class Scope:
    """Some of the seven projections under a name. `source` says where the choice comes from."""

    name: str
    title: str
    projections: tuple[str, ...]
    source: str


SCOPES: Registry[Scope] = Registry("scope")


def projections(text: str | None) -> tuple[str, ...] | None:
    """What a name of SCOPES, or a list such as `q,k,v`, stands for; None is every linear layer.

    UserError for a name with a hyphen that is no scope: no projection has one. Whether the model
    has the projections of a list is told where the model is known.
    """
    chosen = ALL if text is None else text.strip()
    if chosen == ALL:  # in every architecture, whatever its layers are called
        return None
    if chosen in SCOPES or "-" in chosen:
        return SCOPES.get(chosen).projections
    return tuple(part.strip() for part in chosen.split(","))


for _scope in (
    Scope(ALL, "All linear layers", PROJECTIONS, f"{PAPER}, unless it says otherwise"),
    Scope(
        "key-out-gate-down",
        "Key, out, gate, down",
        ("k", "o", "gate", "down"),
        f"{PAPER}, Tables 5 and 12: Llama3-8B, 8:16",
    ),
    Scope(
        "key-value-gate-down",
        "Key, value, gate, down",
        ("k", "v", "gate", "down"),
        f"{PAPER}, Tables 5 and 12: Llama3-8B, 8:16",
    ),
    Scope(
        "without-qkv",
        "All but query, key and value",
        ("o", "gate", "up", "down"),
        f"{PAPER}: how Qwen is pruned",
    ),
):
    SCOPES.add(_scope.name, _scope)
SCOPES.freeze()


def read_blocks(text: str) -> list[int]:
    """`0-3,7` to [0, 1, 2, 3, 7]. UserError when it is not a list of ranges."""
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*", part)
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise UserError(
                f"{text[:40]!r} is not a range of blocks: write 0-3,7 for 0 to 3 and 7."
            )
        numbers.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return sorted(numbers)


def write_blocks(numbers: list[int]) -> str:
    """[0, 1, 2, 3, 7] to `0-3,7`, the inverse of `read_blocks`."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
