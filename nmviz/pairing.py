"""Two models on the same examples: what their difference is, and whether it could be chance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from nmviz.errors import UserError
from nmviz.results import Measurement, Result, TaskExamples

LEVEL = 0.05


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
