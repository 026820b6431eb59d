"""Comparisons of published rows, and the verdict with and without what the audit marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from nmviz.claims.shared.drops import Row
from nmviz.claims.shared.estimate import Estimate, Sign, Verdict, verdict_of

MARKED = "Open markers use rows that the audit marked."


@dataclass(frozen=True)
class Compared:
    """One comparison a verdict rests on: what was compared, and what it says."""

    label: str
    estimate: Estimate
    sign: Sign
    rows: tuple[Row, ...]

    @property
    def is_marked(self) -> bool:
        """Whether the audit doubts any recomputed drop it uses."""
        return any(row.suspect for row in self.rows)


@dataclass(frozen=True)
class Judged:
    """The verdict of what is not marked (of everything where all is), and that of everything."""

    verdict: Verdict
    with_marked: Verdict
    marked: int
    whole: int

    @property
    def sentence(self) -> str:
        """What the comparisons that the audit marked would change; empty where there are none."""
        if not self.marked:
            return ""
        if self.marked == self.whole:
            return (
                f"All {self.whole} comparisons use rows that the audit marked; without them "
                "nothing is left to decide by."
            )
        same = "is the same" if self.verdict == self.with_marked else "would be another"
        return (
            f"{self.marked} of {self.whole} comparisons use rows that the audit marked, so "
            f"they do not decide; with them the verdict {same}: {self.with_marked}."
        )


def judge(comparisons: Sequence[Compared]) -> Judged:
    """What the comparisons say together; those that use marked accuracies do not decide."""
    everything = verdict_of(one.sign for one in comparisons)
    clean = [one for one in comparisons if not one.is_marked]
    marked = len(comparisons) - len(clean)
    verdict = verdict_of(one.sign for one in clean) if clean else everything
    return Judged(verdict, everything, marked, len(comparisons))


def counted(comparisons: Sequence[Compared], sign: Sign) -> list[Compared]:
    """Those that say so."""
    return [one for one in comparisons if one.sign == sign]
