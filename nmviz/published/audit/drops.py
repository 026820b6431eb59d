"""Average drops that do not follow from the accuracies printed beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from nmviz.base.wording import listed
from nmviz.published.audit.averages import drop_cells, what_changes
from nmviz.published.audit.finding import Certainty, Finding
from nmviz.published.audit.printed import DROP, Column, Drop, Row, Rows, agree, drop, slug, unique
from nmviz.published.cells import Cell

DEVIATIONS = 4
"""Rounding errors of several cells rarely add up: beyond this many standard deviations of their
sum a difference is reported, as inferred; beyond the sum of all of them it is proved."""

EXACT = 0.015
"""Points within which a drop follows from accuracies that are taken as printed."""
ENOUGH = 4
"""Drops that must follow exactly before one that does not is held to the same."""
NEITHER = "Either the drop or an accuracy is wrong; until it is known which, use neither."


@dataclass(frozen=True)
class Check:
    """One printed drop beside the one its accuracies give."""

    row: Row
    printed: float
    half: float
    recomputed: Drop

    @property
    def out_by(self) -> float:
        """Printed less recomputed, in points."""
        return self.printed - self.recomputed.value

    @property
    def corrected(self) -> Decimal:
        """The recomputed drop with the digits that tables print."""
        return Decimal(f"{self.recomputed.value:.2f}")

    @property
    def certainty(self) -> Certainty | None:
        """How sure it is that the two differ; None when rounding explains the difference."""
        if abs(self.out_by) > self.recomputed.bound + self.half:
            return "proved"
        beyond = abs(self.out_by) > DEVIATIONS * self.recomputed.deviation + self.half
        return "inferred" if beyond else None


def checks(rows: Rows) -> list[Check]:
    """Every printed drop whose row and dense row print the same tasks."""
    return [found for row in rows.tables if (found := check(rows, row)) is not None]


def check(rows: Rows, row: Row) -> Check | None:
    """One row's printed drop beside the recomputed one, or None where it cannot be recomputed."""
    printed, dense = row.get(DROP), rows.dense(row)
    if printed is None or dense is None or not row.accuracies:
        return None
    if not set(row.accuracies) <= set(dense.accuracies):
        return None
    again = drop(rows.of(row, row.accuracies), rows.of(dense, row.accuracies))
    return Check(row, printed.value, rows.rounded(row, printed).half, again)


def find_drops(rows: Rows) -> Iterator[Finding]:
    """One finding for a column where half of the drops are wrong, else one for each wrong drop."""
    columns: dict[Column, list[Check]] = {}
    made = checks(rows)
    for one in made:
        columns.setdefault(one.row.column, []).append(one)
    right = _instead(rows, [one for one in made if one.certainty])
    for column in columns.values():
        wrong = [one for one in column if one.certainty]
        if 2 * len(wrong) >= len(column) > 2:
            yield _column(rows, wrong, len(column), right)
        else:
            yield from (_single(rows, one, right) for one in wrong)
            yield from _borrowed(rows, [one for one in column if one not in wrong])


def printing(rows: Rows, one: Check) -> list[Row]:
    """The row, and those of the same experiment that print its drop with nothing to confirm it."""
    return [row for row in rows.like([one.row]) if row is one.row or _repeats_it(rows, one, row)]


def _repeats_it(rows: Rows, one: Check, row: Row) -> bool:
    printed, same, own = row.get(DROP), one.row.get(DROP), check(rows, row)
    if printed is None or same is None or (own is not None and own.certainty is None):
        return False
    return agree(printed, same)


def _instead(rows: Rows, wrong: list[Check]) -> dict[int, Decimal]:
    """The recomputed drops of all rows that print a wrong one, by identity."""
    return {id(row): one.corrected for one in wrong for row in printing(rows, one)}


def _changes(rows: Rows, wrong: list[Check], right: Mapping[int, Decimal]) -> str:
    """What becomes of the averages over models, in words."""
    told = (
        what_changes(rows, row, [one.corrected], right)
        for one in wrong
        for row in printing(rows, one)
    )
    return " ".join(dict.fromkeys(filter(None, told)))


def _cells(rows: Rows, wrong: list[Check], accuracies: bool) -> tuple[Cell, ...]:
    """The drops wherever they are printed, and the accuracies where they may be what is wrong."""
    beside = [cell for one in wrong for cell in one.row.accuracy_cells] if accuracies else []
    drops = drop_cells(rows, (row for one in wrong for row in printing(rows, one)))
    return unique((*drops, *beside))


def _neither(changes: str) -> str:
    return f"{NEITHER} If the accuracies are right: {changes}" if changes else NEITHER


def _single(rows: Rows, wrong: Check, right: Mapping[int, Decimal]) -> Finding:
    row = wrong.row
    return Finding(
        id=slug("drop", row.printed.place, row.printed.model, row.printed.pattern, row.method),
        detector="drops",
        title=f"{row}: the average drop is printed as {wrong.printed:.2f}, the accuracies beside "
        f"it give {wrong.recomputed.value:.2f}.",
        evidence=f"Out by {wrong.out_by:+.2f} points; rounding of the accuracies of this row and "
        f"of the dense row explains at most {wrong.recomputed.bound + wrong.half:.2f}, and "
        f"{wrong.recomputed.deviation:.2f} typically.",
        certainty=wrong.certainty or "inferred",
        consequence=_neither(_changes(rows, [wrong], right)),
        cells=_cells(rows, [wrong], accuracies=True),
    )


def _column(rows: Rows, wrong: list[Check], of: int, right: Mapping[int, Decimal]) -> Finding:
    printed = wrong[0].row.printed
    worst = max(wrong, key=lambda one: abs(one.out_by))
    offset, changes = _offset(wrong, of), _changes(rows, wrong, right)
    count = f"all {of}" if len(wrong) == of else f"{len(wrong)} of {of}"
    return Finding(
        id=slug("drop", printed.place, printed.model),
        detector="drops",
        title=f"{printed.place}, {printed.model}: {count} printed average drops cannot come from "
        f"the accuracies beside them; the furthest is {_short(worst)}, {worst.printed:.2f} instead "
        f"of {worst.recomputed.value:.2f}.",
        evidence="Printed, recomputed from the printed accuracies and dense row, and the most that "
        f"rounding of those explains: {_numbers(wrong)}{_repeats(wrong)}",
        certainty="proved" if all(one.certainty == "proved" for one in wrong) else "inferred",
        consequence=f"{offset} {changes}".strip() if offset else _neither(changes),
        cells=_cells(rows, wrong, accuracies=not offset),
    )


def _borrowed(rows: Rows, sound: list[Check]) -> Iterator[Finding]:
    """The one drop of a column that does not follow exactly, where another row prints the same."""
    exact = [one for one in sound if abs(one.out_by) <= EXACT]
    left = [one for one in sound if one not in exact]
    same = [one for one in exact if left and one.printed == left[0].printed]
    if len(left) == 1 and len(exact) >= ENOUGH and same:
        row, other = left[0].row, same[0]
        yield Finding(
            id=slug("drop", row.printed.place, row.printed.model, row.printed.pattern, row.method),
            detector="drops",
            title=f"{row}: the average drop {left[0].printed:.2f} is that of {_short(other)}; the "
            f"accuracies beside it give {left[0].recomputed.value:.2f}.",
            evidence=f"The other {len(exact)} drops of the column follow from their accuracies as "
            f"printed, within {EXACT} points; this one is out by {left[0].out_by:+.2f}.",
            certainty="inferred",
            consequence=f"Use {left[0].recomputed.value:.2f}.",
            cells=_cells(rows, left, accuracies=False),
        )


def _numbers(wrong: list[Check]) -> str:
    return (
        "; ".join(
            f"{one.row.printed.pattern} {one.row.printed.method} {one.printed:.2f}, "
            f"{one.recomputed.value:.2f}, {one.recomputed.bound + one.half:.2f}"
            for one in wrong
        )
        + "."
    )


def _repeats(wrong: list[Check]) -> str:
    """Drops printed twice though their rows differ: a sign of cells filled in the wrong place."""
    seen: dict[float, list[Check]] = {}
    for one in wrong:
        seen.setdefault(one.printed, []).append(one)
    twice = [
        f"{value:.2f} is printed for {listed(_short(one) for one in ones)}"
        for value, ones in seen.items()
        if len(ones) > 1
    ]
    return f" {'; '.join(twice)}." if twice else ""


def _short(one: Check) -> str:
    return f"{one.row.printed.pattern} {one.row.printed.method}"


def _offset(wrong: list[Check], of: int) -> str:
    """What a whole column that is out by about the same means; empty where it is not."""
    offsets = [one.out_by for one in wrong]
    if len(wrong) == of > 2 and max(offsets) - min(offsets) < min(map(abs, offsets)):
        return (
            f"All are out by {min(offsets):.2f} to {max(offsets):.2f} points, so they were taken "
            "against another dense row than the one printed; use the recomputed drops."
        )
    return ""
