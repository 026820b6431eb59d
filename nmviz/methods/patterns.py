"""Patterns: which entries may survive. `dense`, `N:M`, `P%`, or the name of a list by layer."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from math import ceil, comb, floor, log2

from nmviz.base.errors import UserError

LARGEST_GROUP = 4096
PLAN = "plan:"
"""What the name of a list of patterns begins with: see `pattern_lists`."""
DIGITS = 12
"""Digits of its hash that stand behind it."""

PRESETS = ("dense", "1:4", "2:4", "4:8", "8:16", "16:32", "50%", "70%")
"""The patterns a menu offers; any other N:M or P% may be typed."""

PLAIN = str.maketrans(
    "\N{FULLWIDTH COLON}\N{SMALL COLON}\N{RATIO}\N{FULLWIDTH PERCENT SIGN}", ":::%"
)
"""Other forms of the two signs, as keyboards of other languages and word processors write them."""


@dataclass(frozen=True)
class Pattern:
    """One pattern. N:M sets `keep` and `group`; P% sets `percent`; dense sets neither. Where layers
    have patterns of their own `plan` names the list, and nothing else is known of it here.

    `rest_dropped` is no part of its name: an entry that P% cuts in two is dropped, not kept.
    """

    keep: int | None = None
    group: int | None = None
    percent: Decimal | None = None
    rest_dropped: bool = False
    plan: str = ""

    @property
    def is_dense(self) -> bool:
        return self.group is None and self.percent is None and not self.plan

    @property
    def is_grouped(self) -> bool:
        """True for N:M."""
        return self.group is not None

    def __str__(self) -> str:
        if self.group is not None:
            return f"{self.keep}:{self.group}"
        if self.plan:
            return self.plan
        return f"{self.percent.normalize():f}%" if self.percent is not None else "dense"

    @property
    def words(self) -> str:
        """Plain words first, the term second."""
        if self.group is not None:
            return f"keep {self.keep} of every {self.group} ({self})"
        if self.plan:
            return f"a pattern of its own for each layer ({self})"
        return f"drop {self} (unstructured)" if self.percent is not None else "nothing dropped"

    @property
    def density(self) -> float:
        """Share of entries kept, 0..1 (for P% before rounding to whole entries). UserError for the
        name of a list, of which every layer keeps its own."""
        if self.plan:
            raise UserError(f"What {self} keeps differs by layer: ask for one of its patterns.")
        if self.group is not None:
            return int(self.keep or 0) / self.group
        return 1 - float(self.percent) / 100 if self.percent is not None else 1.0

    def dropped(self, size: int) -> int:
        """P%: how many of `size` entries are dropped, floor(size * P / 100), exactly; with
        `rest_dropped` the ceiling of that, but never the last entry."""
        share = size * (self.percent or Decimal(0)) / 100
        return min(ceil(share), size - 1) if self.rest_dropped else floor(share)

    def check_divides(self, d_in: int, site: str) -> None:
        """UserError when d_in is not a multiple of M."""
        if self.group is not None and d_in % self.group:
            raise UserError(
                f"Pattern {self} does not fit {site}: its input dimension {d_in} is not a "
                f"multiple of {self.group}; choose another pattern or leave it out of the scope."
            )

    def metadata_bits(self) -> float | None:
        """Bits an entry needed to say which were kept, log2(C(M, N)) / M; None unless N:M.

        Source: arXiv 2509.22166 v1, section 2 (which prints the value rounded up to whole bits
        a block).
        """
        if self.group is None:
            return None
        return log2(comb(self.group, int(self.keep or 0))) / self.group


DENSE = Pattern()


@lru_cache(maxsize=4096)  # every stored result asks again
def parse_pattern(text: str) -> Pattern:
    """`dense`, `N:M` (keep N of M), `P%` (drop P percent) or `plan:` with its digits. UserError for
    anything else."""
    text = text.strip().lower().translate(PLAIN)
    if text == "dense":
        return DENSE
    if match := re.fullmatch(r"(\d{1,9})\s*:\s*(\d{1,9})", text):
        return _grouped(int(match[1]), int(match[2]))
    if match := re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s*%", text):
        return _unstructured(Decimal(match[1]))
    if re.fullmatch(f"{PLAN}[0-9a-f]{{{DIGITS}}}", text):
        return Pattern(plan=text)
    share = f"{text}%" if re.fullmatch(r"[1-9]\d?(\.\d{1,6})?", text) else "P% such as 50%"
    raise UserError(
        f"{text[:40]!r} is not a pattern: write N:M such as 8:16 (keep 8 of every 16), "
        f"or {share} (drop that share)."
    )


def _grouped(keep: int, group: int) -> Pattern:
    if keep < 1:
        raise UserError(f"Pattern {keep}:{group} keeps nothing: N must be at least 1.")
    if keep > group:
        raise UserError(f"Pattern {keep}:{group} keeps more than there is: N must be at most M.")
    if group > LARGEST_GROUP:
        raise UserError(f"Pattern {keep}:{group} is too wide: M must be at most {LARGEST_GROUP}.")
    return Pattern(keep=keep, group=group)


def _unstructured(percent: Decimal) -> Pattern:
    if not 0 < percent < 100:
        raise UserError(f"{percent}% is out of range: drop more than 0% and less than 100%.")
    return Pattern(percent=percent)
