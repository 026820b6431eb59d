"""Two pruned models on the same text or examples: what their difference is, and whether it could
be chance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite, sqrt
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


def floor_of(result: Result) -> NoiseFloor | None:
    """What rounding alone does to what was measured: to the pruned model where that is known, else
    to the dense one, whose floor is lower."""
    return result.floor_of("pruned") or result.floor_of("dense")


def larger_floor(first: Result, second: Result) -> float:
    """The larger move of the cost by rounding alone, in nats a token; 0 where none is known."""
    floors = [floor_of(result) for result in (first, second)]
    return max((one.delta_nll for one in floors if one is not None), default=0.0)


def judge(dearer: Result, other: Result) -> Verdict:
    """Whether the one costs more than the other, on the same text.

    First by rounding: a difference below the larger of the two floors may change its sign with the
    order of sums, on another machine, however sure the interval is. Then by Student's t interval
    of the difference at 95%, which must lie above 0. "no interval" where one cannot be had.
    """
    apart = cost_difference(dearer, other)
    if apart is None or not isfinite(apart.value):
        return "no interval"
    if abs(apart.value) < larger_floor(dearer, other):
        return "below the noise floor"
    reach = interval(apart)
    if reach is None:
        return "no interval"
    return "real" if reach[0] > 0 else "not told apart"


def interval(measurement: Measurement, level: float = 0.95) -> tuple[float, float] | None:
    """Student's t interval of a measurement; None where its spread is not known."""
    error, n = measurement.stderr, measurement.n
    if error is None or n is None or n < 2 or not (isfinite(error) and isfinite(measurement.value)):
        return None
    from scipy.special import stdtrit  # here, because it takes a while to load

    reach = float(stdtrit(n - 1, (1 + level) / 2)) * error
    return measurement.value - reach, measurement.value + reach


@dataclass(frozen=True)
class ItemFlip:
    """One example whose correctness changed, by its place among all that were asked, from 0; the
    answers are numbered from 0, and None where they are not known."""

    item: int
    lost: bool  # right before and wrong after, or the other way round
    before: int | None
    after: int | None

    @property
    def kind(self) -> Literal["right to wrong", "wrong to right"]:
        """The same in words."""
        return "right to wrong" if self.lost else "wrong to right"


@dataclass(frozen=True)
class ItemFlips:
    """Examples of a task whose correctness changed from one model to another: of `n`, so many were
    `lost` and `won`. Their share is what arXiv 2407.09141 calls flips. `items` are in order."""

    task: str
    metric: str
    n: int
    lost: int
    won: int
    items: tuple[ItemFlip, ...]

    @property
    def share(self) -> float:
        """Flips over examples, 0..1."""
        return (self.lost + self.won) / self.n if self.n else 0.0

    @property
    def words(self) -> str:
        """`23 of 400 (5.8%), 15 right to wrong and 8 wrong to right`."""
        both = f"{self.lost:,} right to wrong and {self.won:,} wrong to right"
        return f"{self.lost + self.won:,} of {self.n:,} ({self.share:.1%}), {both}"

    def first(self, most: int) -> "ItemFlips":
        """With the first `most` items that were lost, and as many that were won."""
        kept = [[one for one in self.items if one.lost is lost][:most] for lost in (True, False)]
        items = sorted((*kept[0], *kept[1]), key=lambda one: one.item)
        return replace(self, items=tuple(items))


def item_flips(before: Result, after: Result) -> tuple[ItemFlips, ...]:
    """The flips of every task and metric that both were asked; of those with other examples or
    prompts none."""
    others = {(one.task, one.metric): one for one in after.examples}
    both = ((one, others.get((one.task, one.metric))) for one in before.examples)
    return tuple(
        _item_flips(one, other)
        for one, other in both
        if other is not None and other.digest == one.digest
    )


def _item_flips(before: TaskExamples, after: TaskExamples) -> ItemFlips:
    pairs = count(before.right, after.right)
    items = tuple(
        ItemFlip(place, one == "1", _answer(before, place), _answer(after, place))
        for place, (one, other) in enumerate(zip(before.right, after.right, strict=True))
        if one != other
    )
    return ItemFlips(
        before.task, before.metric, pairs.n, pairs.first_only, pairs.second_only, items
    )


def _answer(of: TaskExamples, place: int) -> int | None:
    return int(of.chosen[place], 36) if place < len(of.chosen) else None


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
