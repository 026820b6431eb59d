"""One quantity that is measured: its words, its unit, and between which values it lies."""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal

ROUNDING = 1e-5


@dataclass(frozen=True)
class Metric:
    """One quantity. `help` is the line shown on hover; `formula` stands beside it."""

    name: str
    title: str  # plain words first, the term second
    unit: str
    help: str
    formula: str
    low: float = -inf  # between these its values lie
    high: float = inf
    better: Literal["lower", "higher", ""] = ""  # empty where neither is

    def fault(self, value: float) -> str | None:
        """Why this cannot be a value of it, or None. What is measured in fp32 may end `ROUNDING`
        outside."""
        if not isfinite(value):
            return "is not a finite number"
        if self.low - ROUNDING <= value <= self.high + ROUNDING:
            return None
        kind = "a share" if self.unit == "share" else "a perplexity" if self.low == 1 else "it"
        if isfinite(self.low) and isfinite(self.high):
            return f"is {value:g}, and {kind} lies between {self.low:g} and {self.high:g}"
        if self.low == 1:
            return f"is {value:g}, and {kind} is above 0, and no less than 1"
        bound = f"below {self.low:g}" if value < self.low else f"above {self.high:g}"
        return f"is {value:g}, and none is {bound}"

    def stderr_fault(self, stderr: float) -> str | None:
        """Why this cannot be the standard error of it, or None: the largest is that of two values,
        one at each end of the range."""
        widest = (self.high - self.low) / 2
        if not (isfinite(stderr) and stderr >= 0):
            return f"is {stderr:g}, and none is below 0"
        return f"is {stderr:g}, and none is above {widest:g}" if stderr > widest else None
