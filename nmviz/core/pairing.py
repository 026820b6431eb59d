"""Two pruned models on the same text or examples: what their difference is, and whether it could
be chance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot, isfinite, sqrt
from statistics import covariance as sample_covariance
from typing import Literal

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.reading import TEXT
from nmviz.core.results import Measurement, Result, TaskExamples
from nmviz.core.tokenwise.floor import NoiseFloor

Verdict = Literal["real", "not told apart", "below the noise floor", "no interval"]
LEVEL = 0.05
CORRECTION = "Bonferroni"
"""The one correction of several comparisons at once that is used, here as in the claims."""


@dataclass(frozen=True)
class Pairs:
    """What `n` examples came to in two models: right in the first only, in the second only."""

    n: int
    first_only: int
    second_only: int

    @property
    def discordant(self) -> int:
        """Examples that one model gets right and the other does not."""
        return self.first_only + self.second_only

    @property
    def difference(self) -> float:
        """Share right of the first minus that of the second."""
        return (self.first_only - self.second_only) / self.n

    @property
    def stderr(self) -> float | None:
        """Standard error of the difference, from the examples' differences of -1, 0 and 1."""
        if self.n < 2:
            return None
        squares = self.discordant - self.n * self.difference**2
        return sqrt(max(squares, 0.0) / (self.n - 1) / self.n)

    @property
    def p_value(self) -> float:
        """Exact McNemar test, two-sided; 1 where no example parts the two."""
        return mcnemar(self.first_only, self.second_only)


def count(first: str, second: str) -> Pairs:
    """The pairs of two texts of 0 and 1, an example a character. ValueError for other lengths."""
    both = list(zip(first, second, strict=True))
    if not both:
        raise ValueError("no examples, no pairs")
    return Pairs(len(both), both.count(("1", "0")), both.count(("0", "1")))


def mcnemar(first_only: int, second_only: int) -> float:
    """The two-sided exact p value: could a fair coin have parted the discordant pairs so?"""
    from scipy.stats import binomtest  # here, because it takes a while to load

    if first_only + second_only == 0:
        return 1.0
    return float(binomtest(first_only, first_only + second_only).pvalue)


def stands_out(p_value: float, count: int) -> bool:
    """Whether one of `count` comparisons is more than chance could make: p <= 0.05 / count."""
    return p_value <= LEVEL / count


def smallest_difference(n: int, discordant: int | None = None) -> float | None:
    """The smallest difference that n examples could show at 5%, by the exact McNemar test.

    With a number of discordant examples it is what those could show, None where too few part the
    two; without, the best case: all of them in favour of one model.
    """
    for apart in range(1, n + 1) if discordant is None else [discordant]:
        for fewer in range(apart // 2, -1, -1):
            if apart and mcnemar(fewer, apart - fewer) <= LEVEL:
                return (apart - 2 * fewer) / n
    return None


def mean_error(parts: Sequence[Measurement]) -> float | None:
    """Standard error of the mean of numbers that are independent, such as tasks; None where the
    error of one is not known."""
    errors = [one.stderr for one in parts if one.stderr is not None]
    if not parts or len(errors) < len(parts):
        return None
    return sqrt(sum(error**2 for error in errors)) / len(parts)


def covariance(first: Result, second: Result) -> float | None:
    """Covariance of the costs of two runs, each a mean over the same pieces of text, from how the
    pieces' costs go together. In squared nats a token.

    None where the runs are not of the same model and text, or one kept no costs of pieces (results
    made before nmviz kept them, and published ones).
    """
    one, other = first.unit_costs, second.unit_costs
    if len(one) != len(other) or len(one) < 2:
        return None
    if not same_text(first.experiment, second.experiment):
        return None
    return sample_covariance(one, other) / len(one)


def same_text(first: Experiment, second: Experiment) -> bool:
    """Whether both are of one model on one text, read alike."""
    names = ("model", "artefacts", *TEXT)
    return all(getattr(first, name) == getattr(second, name) for name in names)


def cost_difference(first: Result, second: Result) -> Measurement | None:
    """How much more the first costs than the second, in nats a token.

    In pairs where both kept what each piece of the same text cost; else the two errors are taken as
    independent, which on the same text makes the error too large. None where a cost is not known.
    """
    one, other = first.get("delta_nll"), second.get("delta_nll")
    if one is None or other is None:
        return None
    shared = covariance(first, second)
    errors = (one.stderr, other.stderr)
    variance = sum(error**2 for error in errors if error is not None) - 2 * (shared or 0.0)
    return Measurement(
        metric="cost_difference",
        value=one.value - other.value,
        stderr=None if None in errors else sqrt(max(variance, 0.0)),
        n=None if one.n is None or other.n is None else min(one.n, other.n),
        unit_of_n=one.unit_of_n,
    )


def difference(
    first: Result, second: Result | None, metric: str = "delta_nll"
) -> Measurement | None:
    """The first's figure minus the second's; None where one is not known.

    Costs as in `cost_difference`; other figures as if independent, which on one text makes the
    error too large. `second` is None for the dense model, from which such a figure counts already.
    """
    one = first.get(metric)
    if second is None:
        return one
    if metric == "delta_nll":
        return cost_difference(first, second)
    other = second.get(metric)
    return None if one is None or other is None else unpaired(one, other)


def unpaired(one: Measurement, other: Measurement) -> Measurement:
    """The one minus the other as if independent; without an error where one has none."""
    known = one.stderr is not None and other.stderr is not None
    return Measurement(
        metric=f"{one.metric}_difference",
        value=one.value - other.value,
        stderr=hypot(one.stderr or 0.0, other.stderr or 0.0) if known else None,
        n=None if one.n is None or other.n is None else min(one.n, other.n),
        unit_of_n=one.unit_of_n,
        task=one.task,
    )


def floor_of(result: Result) -> NoiseFloor | None:
    """What rounding alone does to what was measured: to the pruned model where that is known, else
    to the dense one, whose floor is lower."""
    return result.floor_of("pruned") or result.floor_of("dense")


def larger_floor(first: Result, second: Result | None = None, metric: str = "delta_nll") -> float:
    """The larger move of the cost, or of the KL, by rounding alone, in nats a token; 0 where none
    is known, or of a figure that has no floor."""
    floors = [floor_of(result) for result in (first, second) if result is not None]
    return max((float(getattr(one, metric, 0.0)) for one in floors if one is not None), default=0.0)


def judge(
    dearer: Result, other: Result | None, metric: str = "delta_nll", higher: bool = False
) -> Verdict:
    """Whether the one costs more than the other, on the same text, or than the dense model (None);
    or is worse by another figure, of which more may be better (`higher`).

    First by rounding: a difference below the larger of the two floors may change its sign with the
    order of sums, on another machine, however sure the interval is. Then by Student's t interval
    of the difference at 95%, which must lie above 0. "no interval" where one cannot be had.
    """
    verdict = told_apart(dearer, other, metric)
    apart = difference(dearer, other, metric)
    if verdict != "real" or apart is None:
        return verdict
    worse = apart.value < 0 if higher else apart.value > 0
    return "real" if worse else "not told apart"


def told_apart(
    first: Result, second: Result | None, metric: str = "delta_nll", count: int = 1
) -> Verdict:
    """Whether the two differ, whichever is the larger, on the same text: first by rounding, then by
    Student's t interval, as one of `count` comparisons at once, that leaves 0 out."""
    apart = difference(first, second, metric)
    if apart is None or not isfinite(apart.value):
        return "no interval"
    if abs(apart.value) < larger_floor(first, second, metric):
        return "below the noise floor"
    return beyond_zero(apart, count)


def beyond_zero(apart: Measurement, count: int = 1) -> Verdict:
    """Whether the interval of a difference leaves 0 out, as one of `count` comparisons at once."""
    reach = interval(apart, 1 - LEVEL / count)
    if reach is None:
        return "no interval"
    return "real" if reach[0] > 0 or reach[1] < 0 else "not told apart"


def interval(measurement: Measurement, level: float = 0.95) -> tuple[float, float] | None:
    """Student's t interval of a measurement; None where its spread is not known."""
    error, n = measurement.stderr, measurement.n
    if error is None or n is None or n < 2 or not (isfinite(error) and isfinite(measurement.value)):
        return None
    from scipy.special import stdtrit  # here, because it takes a while to load

    reach = float(stdtrit(n - 1, (1 + level) / 2)) * error
    return measurement.value - reach, measurement.value + reach


def paired(first: Result, second: Result) -> tuple[Measurement, ...]:
    """The first result minus the second, task by task: difference and p value of every metric.

    Only tasks that both ran count. UserError where their examples are not the same ones.
    """
    others = {(one.task, one.metric): one for one in second.examples}
    return tuple(
        measurement
        for one in first.examples
        if (other := others.get((one.task, one.metric))) is not None
        for measurement in _compared(one, other)
    )


def _compared(one: TaskExamples, other: TaskExamples) -> Iterator[Measurement]:
    if one.digest != other.digest:
        raise UserError(
            f"The two results are of other examples or prompts of {one.task}: run both anew with "
            "the same limit and data."
        )
    pairs = count(one.right, other.right)
    yield Measurement(
        metric=f"{one.metric}_difference",
        value=pairs.difference,
        stderr=pairs.stderr,
        n=pairs.n,
        unit_of_n="examples",
        task=one.task,
    )
    yield Measurement(
        metric=f"{one.metric}_p",
        value=pairs.p_value,
        n=pairs.discordant,
        unit_of_n="examples that part the two",
        task=one.task,
    )
