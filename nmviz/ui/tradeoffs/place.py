"""What an address asks of Trade-offs: settings of its first part, and a pattern of its last."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nmviz.base.errors import UserError
from nmviz.hardware.accelerators import accelerator
from nmviz.hardware.metadata import bits
from nmviz.ui.tradeoffs.faster import question_of

USUAL: Mapping[str, str] = {
    "machine": "h100",
    "dtype": "fp8",
    "model": "llama3.2-1b",
    "phase": "prefill",
    "target": "weight",
    "pattern": "2:4",
    "tokens": "2048",
}
"""Settings of "Will it be faster?" that an address has, in its order, as they stand at first."""
USUAL_PATTERN = "8:16"
WIDEST = 64
"""M of the pattern that is chosen, at most."""


@dataclass(frozen=True)
class Place:
    """Values by the names of their components, and a sentence where the address asked for what
    there is not."""

    values: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""


USUALLY = Place()


def place_of(faster: str | None, choose: str | None) -> Place:
    """What `faster=h100,fp8,llama3.2-1b,prefill,weight,2:4,2048` and `choose=8:16` ask for; nothing
    of what is not given."""
    values: dict[str, Any] = {}
    try:
        if faster is not None:
            values |= _faster(faster[:400])
        if choose is not None:
            values |= _choose(choose[:40])
    except UserError as error:
        return Place(values, f"{error} Trade-offs stays as it was.")
    return Place(values)


def _faster(text: str) -> dict[str, Any]:
    given = text.split(",")
    if len(given) != len(USUAL) or not given[-1].isdecimal() or len(given[-1]) > 7:
        raise UserError(f"The address has faster=...: it takes {', '.join(USUAL)}.")
    machine, *others, tokens = given
    dtype, model, phase, target, pattern = others
    sizes = (int(tokens), None, None)
    question_of(accelerator(machine), dtype, model, phase, target, pattern, sizes)
    named = dict(zip(USUAL, [machine, *others, int(tokens)], strict=True))
    return {f"faster_{name}": value for name, value in named.items()}


def _choose(text: str) -> dict[str, Any]:
    chosen = bits(text)
    if chosen.group > WIDEST:
        raise UserError(f"M is from 1 to {WIDEST} here; given: {chosen.group}.")
    return {"choose_n": chosen.keep, "choose_m": chosen.group}
