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

    @classmethod
    def of(cls, case: str, seconds: Sequence[float], base: float, against: str) -> "Row":
        """A case that took these seconds, against one whose median is `base`."""
        middle = median(seconds)
        return cls(case, middle, min(seconds), max(seconds), middle / base, against)


@dataclass(frozen=True)
class Size:
    """The same of memory: bytes that were resident at the most."""

    case: str
    peak: float
    low: int
    high: int
    ratio: float
    against: str

    @classmethod
    def of(cls, case: str, peaks: Sequence[int], base: float, against: str) -> "Size":
        """A case that held these bytes, against one whose median is `base`."""
        middle = median(peaks)
        return cls(case, middle, min(peaks), max(peaks), middle / base, against)


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
            began = perf_counter()
            case()
            elapsed = perf_counter() - began
            if turn >= warm_up:
                taken[name].append(elapsed)
    base = median(taken[against])
    for name, seconds in taken.items():
        yield Row.of(name, seconds, base, against)
