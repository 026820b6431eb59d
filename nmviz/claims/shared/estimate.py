"""Numbers with 95% intervals, and what an interval lets one say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, sqrt
from statistics import NormalDist
from typing import Literal, get_args

Sign = Literal["yes", "no", "open"]
Verdict = Literal["holds", "holds partly", "does not hold", "not decidable here"]

VERDICTS: tuple[Verdict, ...] = ("holds", "holds partly", "does not hold", "not decidable here")
LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval; `low` and `high` are None where no spread is known.

    An end may be infinite: a ratio whose divisor cannot be told from nothing has no bound there.
    `floor` is how much rounding alone moves the value: nearer to a limit than that it says nothing.
    """

    value: float
    low: float | None = None
    high: float | None = None
    floor: float = 0.0

    @property
    def is_bounded(self) -> bool:
        """Whether both ends of the interval are known and finite."""
        return all(end is not None and isfinite(end) for end in (self.low, self.high))

    def is_near(self, limit: float) -> bool:
        """Whether rounding alone may have put it on its side of the limit."""
        return abs(self.value - limit) < self.floor


def normal(value: float, variance: float) -> Estimate:
    """An estimate whose standard error is known from counts."""
    reach = Z * sqrt(variance)
    return Estimate(value, value - reach, value + reach)


def student(value: float, error: float, n: int, count: int = 1) -> Estimate:
    """An estimate whose standard error was itself estimated from `n` units; of `count` comparisons
    at once, widened for all of them (Bonferroni)."""
    from scipy.special import stdtrit  # here, because it takes a while to load

    reach = float(stdtrit(n - 1, 1 - (1 - LEVEL) / (2 * count))) * error
    return Estimate(value, value - reach, value + reach)


def for_many(estimate: Estimate, count: int) -> Estimate:
    """The interval widened for `count` comparisons at once (Bonferroni, normal)."""
    if estimate.low is None or estimate.high is None or count < 2:
        return estimate
    wider = NormalDist().inv_cdf(1 - (1 - LEVEL) / (2 * count)) / Z
    low = estimate.value - wider * (estimate.value - estimate.low)
    high = estimate.value + wider * (estimate.high - estimate.value)
    return replace(estimate, low=low, high=high)


def of_sample(values: Sequence[float]) -> Estimate:
    """The mean of independent units with its t interval; none for a single one."""
    n = len(values)
    mean = sum(values) / n
    if n < 2:
        return Estimate(mean)
    variance = sum((value - mean) ** 2 for value in values) / (n - 1)
    return student(mean, sqrt(variance / n), n)


def fieller(
    top: float, bottom: float, variances: tuple[float, float], covariance: float
) -> Estimate:
    """The ratio of two estimates with Fieller's interval; no bound where the divisor may be 0."""
    of_top, of_bottom = variances
    ratio = top / bottom
    g = Z**2 * of_bottom / bottom**2
    if g >= 1:
        return Estimate(ratio, float("-inf"), float("inf"))
    slope = covariance / of_bottom if of_bottom else 0.0
    inside = of_top - 2 * ratio * covariance + ratio**2 * of_bottom
    inside -= g * (of_top - slope * covariance)
    middle = (ratio - g * slope) / (1 - g)
    reach = Z / (abs(bottom) * (1 - g)) * sqrt(max(0.0, inside))
    return Estimate(ratio, middle - reach, middle + reach)


def above(estimate: Estimate, limit: float = 0.0) -> Sign:
    """Whether the value is above the limit; open where the interval holds it or is not known, or
    the limit is nearer than the noise floor."""
    if estimate.low is None or estimate.high is None or estimate.is_near(limit):
        return "open"
    return "yes" if estimate.low > limit else "no" if estimate.high < limit else "open"


def within(estimate: Estimate, least: float, most: float) -> Sign:
    """Whether the value lies between two limits; open where the interval reaches over one, or one
    is nearer than the noise floor."""
    if estimate.low is None or estimate.high is None:
        return "open"
    if estimate.is_near(least) or estimate.is_near(most):
        return "open"
    if least <= estimate.low and estimate.high <= most:
        return "yes"
    return "no" if estimate.high < least or estimate.low > most else "open"


def opposite(sign: Sign) -> Sign:
    """The answer to the opposite question."""
    return {"yes": "no", "no": "yes", "open": "open"}[sign]  # type: ignore[return-value]


def every(signs: Iterable[Sign]) -> Sign:
    """Yes where all are, no where any is."""
    seen = set(signs)
    return "no" if "no" in seen else "yes" if seen == {"yes"} else "open"


def verdict_of(signs: Iterable[Sign], missing: int = 0) -> Verdict:
    """All yes: holds. Some yes: holds partly. None yes and at least half no: does not hold.

    Otherwise it cannot be decided: one no among many open ones refutes little. Where so many more
    are `missing`, only a verdict that none of them could change stands.
    """
    known = list(signs)
    if missing:
        whole = {_verdict([*known, *[sign] * missing]) for sign in get_args(Sign)}
        return whole.pop() if len(whole) == 1 else "not decidable here"
    return _verdict(known)


def _verdict(every_sign: Sequence[Sign]) -> Verdict:
    if every_sign and set(every_sign) == {"yes"}:
        return "holds"
    if "yes" in every_sign:
        return "holds partly"
    refuted = every_sign and 2 * every_sign.count("no") >= len(every_sign)
    return "does not hold" if refuted else "not decidable here"
