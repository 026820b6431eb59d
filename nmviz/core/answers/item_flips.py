"""Examples of tasks whose correctness changed from one model to another."""

from dataclasses import dataclass, replace
from typing import Literal

from nmviz.core.pairing import count
from nmviz.core.results import Result, TaskExamples


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
