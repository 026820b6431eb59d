"""Timing things against one another in one process: in turns, so that a busy machine is fair."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

WARM_UP = 2
REPEATS = 9


@dataclass(frozen=True)
class Row:
    """Median, lowest and highest seconds of a case, and its median over that of another one."""

    case: str
    seconds: float
    low: float
    high: float
    ratio: float
    against: str


@dataclass(frozen=True)
class Size:
    """The same of memory: bytes that were resident at the most."""

    case: str
    peak: float
    low: float
    high: float
    ratio: float
    against: str


def spread(values: Sequence[float], base: float) -> tuple[float, float, float, float]:
    """Median, lowest and highest of a case, and its median over that of another one."""
    middle = median(values)
    return middle, min(values), max(values), middle / base


def seconds_of(case: Callable[[], object]) -> float:
    """What a call takes."""
    began = perf_counter()
    case()
    return perf_counter() - began


def in_turns(
    cases: Mapping[str, Callable[[], object]],
    against: str,
    *,
    warm_up: int = WARM_UP,
    repeats: int = REPEATS,
) -> Iterator[Row]:
    """Time every case once a turn, `warm_up` turns not counted."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(warm_up + repeats):
        for name, case in cases.items():
            elapsed = seconds_of(case)
            if turn >= warm_up:
                taken[name].append(elapsed)
    base = median(taken[against])
    for name, seconds in taken.items():
        yield Row(name, *spread(seconds, base), against)
