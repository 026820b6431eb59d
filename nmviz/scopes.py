"""Named scopes: subsets of the projections that the paper prunes."""

from dataclasses import dataclass

from nmviz.registry import Registry

PROJECTIONS = ("q", "k", "v", "o", "gate", "up", "down")
"""The linear layers of a Llama-like block, in the model's order."""

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
