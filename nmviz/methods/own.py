"""Criteria of somebody's own, registered from a script: known until the process ends.

What is measured under one is never stored: another script may call something else the same.
"""

import re
from collections.abc import Callable
from typing import Any

from nmviz.base.errors import UserError
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.costs import Adds, nothing
from nmviz.methods.method import Method, declare, parse_call

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
GIVES = {"activation": ("channel", "scores"), "weight": ("scores",)}
"""What a criterion of one's own may return, the usual first; see `methods.method.Gives`."""


def register(
    name: str,
    code: Callable[..., Any],
    *,
    target: str = "activation",
    gives: str | None = None,
    formula: str = "",
    source: str = "your own",
    adds: Adds = nothing,
    patterns: str = "any",
) -> Method:
    """Make `code` a criterion of that name, as the modules of criteria have them.

    For activations it is called with x [..., tokens, d_in], the weight [d_out, d_in] and an empty
    state, and returns a weight for each channel, or scores in the shape of x where `gives` says so;
    for weights with the weight and an empty state, and returns scores of its shape. Settings are
    its keyword-only parameters. UserError for a name that is taken or no name, code without a
    docstring or not callable, and for a target or a kind that there is not.
    """
    if target not in GIVES:
        raise UserError(f"A criterion is of activation or weight, not of {str(target)[:40]!r}.")
    chosen = gives or GIVES[target][0]
    if chosen not in GIVES[target]:
        kinds = " or ".join(GIVES[target])
        raise UserError(f"A criterion of your own for {target} gives {kinds}: choose that.")
    if patterns not in ("any", "N:M", "P%"):
        raise UserError("A criterion is for the patterns any, N:M or P%: choose one of them.")
    _check_name(name)
    if not callable(code) or not (code.__doc__ or "").strip():
        raise UserError(f"{name} is a function with a docstring, which is its help: write one.")
    facts: dict[str, Any] = {"gives": chosen, "patterns": patterns, "adds": adds}
    if target == "activation":  # what it looks at is not known, so nothing of it is shared
        facts |= {"sees_input": True, "sees_weight": True, "batch_invariant": False}
    return BY_TARGET[target].lend(
        name, declare(name, code, formula=formula, source=source, **facts)
    )


def is_own(target: str, criterion: str) -> bool:
    """Whether an experiment of that target ranks by a criterion that a script registered."""
    registry = BY_TARGET[target]
    return registry.is_lent(parse_call(criterion, registry).method.name)


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UserError(
            f"{str(name)[:40]!r} is no name for a criterion: at most 40 small letters, digits and "
            "hyphens, a letter first."
        )
    if name in MITIGATIONS:
        raise UserError(f"{name!r} is a mitigation already: choose another name.")
