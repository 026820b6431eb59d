"""Will it be faster? The measurement nearest to what is asked, and what it answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log2
from typing import Literal

from nmviz.published.speeds.implausible import Doubts
from nmviz.published.speeds.measured import PHASE_WORDS, Measured, Phase

Answer = Literal["yes", "no", "even", "unknown"]
FASTER, SLOWER = 1.02, 0.98
FACTOR = 2.0
KIND = ("machine", "dtype", "phase", "target", "pattern")
RULE = (
    f"The nearest measurement has the same machine, data type, phase, target and pattern; tokens, "
    f"d_in and d_out lie within a factor of {FACTOR:g}. {FASTER} times the dense speed and above "
    f"is yes, {SLOWER} and below is no, between them is even. Measurements in doubt decide nothing."
)


@dataclass(frozen=True)
class Asked:
    """What somebody wants to know of one machine; `shape` names a model where there is one."""

    machine: str
    dtype: str
    phase: Phase
    target: str
    pattern: str
    tokens: int
    d_in: int
    d_out: int

    @property
    def kind(self) -> dict[str, str]:
        """What a measurement has to have in common with it."""
        return {name: str(getattr(self, name)) for name in KIND}


@dataclass(frozen=True)
class Near:
    """The nearest measurement, by what factors its tokens, d_in and d_out differ, and further ones
    of the same sizes."""

    measured: Measured
    factors: tuple[float, float, float]
    again: tuple[Measured, ...] = ()

    @property
    def answer(self) -> Answer:
        """By its ratio; not known where measurements of the same do not agree."""
        answers = {answer_of(one.ratio) for one in (self.measured, *self.again)}
        return answers.pop() if len(answers) == 1 else "unknown"

    @property
    def how_far(self) -> str:
        """`of this very shape`, or the factors that are not 1."""
        named = zip(self.factors, ("tokens", "d_in", "d_out"), strict=True)
        far = [f"{factor:.3g} times the {name}" for factor, name in named if factor != 1]
        return ", ".join(far) or "of this very shape"


def answer_of(ratio: float) -> Answer:
    """What a ratio answers."""
    return "yes" if ratio >= FASTER else "no" if ratio <= SLOWER else "even"


def nearest(rows: Iterable[Measured], asked: Asked, doubts: Doubts) -> Near | None:
    """The one whose sizes are nearest by their factors, the first of equals; None where there is
    no measurement near."""
    sizes = asked.tokens, asked.d_in, asked.d_out
    found: dict[tuple[float, float, float], list[Measured]] = {}
    for one in rows:
        if _alike(one, asked) and one.key not in doubts:
            tokens, d_in, d_out = one.tokens / sizes[0], one.d_in / sizes[1], one.d_out / sizes[2]
            if all(1 / FACTOR <= factor <= FACTOR for factor in (tokens, d_in, d_out)):
                found.setdefault((tokens, d_in, d_out), []).append(one)
    if not found:
        return None
    factors = min(found, key=lambda some: sum(abs(log2(factor)) for factor in some))
    first, *again = found[factors]
    return Near(first, factors, tuple(again))


def _alike(one: Measured, asked: Asked) -> bool:
    return all(getattr(one, name) == getattr(asked, name) for name in KIND)


def sentence(near: Near | None, asked: Asked) -> str:
    """Yes, no, even or not known, with what it rests on."""
    what = f"{PHASE_WORDS[asked.phase]}, {asked.target}s {asked.pattern} in {asked.dtype}"
    if near is None:
        return f"Not known: there is no measurement near ({what} on {asked.machine})."
    one = near.measured
    begins = {"yes": "Yes", "no": "No", "even": "Even", "unknown": "Not known"}[near.answer]
    again = "".join(f" and {other.printed}" for other in near.again)
    return (
        f"{begins}: {one.printed}{again} times the dense speed ({what} on {asked.machine}), "
        f"measured at {one.tokens:,} tokens with {one.shape}, {near.how_far}."
    )
