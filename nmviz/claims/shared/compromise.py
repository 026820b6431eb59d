"""Is 8:16 the best compromise? What a step to longer groups saves, beside what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass

from nmviz.base.wording import listed
from nmviz.claims.shared import drops
from nmviz.claims.shared.answer import Number
from nmviz.claims.shared.digits import plain
from nmviz.claims.shared.drops import Row
from nmviz.claims.shared.estimate import Estimate, Sign, above, every
from nmviz.claims.shared.evidence import Evidence
from nmviz.claims.shared.phrases import POINTS, derived, model_title, row_number, with_interval
from nmviz.hardware.metadata import Bits, bits, multiplexer_inputs

PLACE, MODEL = "Table 6", "llama3.1-8b"
SHORT, MIDDLE, LONG = "2:4", "8:16", "16:32"
RULE = (
    "8:16 is the best compromise where three things are true with their whole 95% intervals, on "
    f"activations of Llama 3.1 8B ({PLACE}): it loses less than 2:4; the step to it from 2:4 saves "
    "more points of drop for a bit of metadata (whole bits a group) than the step from it to "
    "16:32; and more for an input of the multiplexers that gather a group, N M of them"
)
PRICES = ("a bit an element", "a multiplexer input")


@dataclass(frozen=True)
class Compromise:
    """What the three patterns say: the sign of all three parts, in words, and the numbers."""

    sign: Sign
    text: str
    numbers: tuple[Number, ...]


def compromise(evidence: Evidence) -> Compromise | None:
    """From the one column of a table that has all three patterns; None where it is not there."""
    found = {name: drops.row(evidence, PLACE, MODEL, name, "ACT") for name in (SHORT, MIDDLE, LONG)}
    rows = {name: row for name, row in found.items() if row is not None}
    if len(rows) < len(found):
        return None
    better = drops.difference(rows[SHORT], rows[MIDDLE])
    gaps = {price: _slower(rows, *_steps(price)) for price in PRICES}
    signs = [above(better), *map(above, gaps.values())]
    numbers = [row_number(row) for row in rows.values()]
    numbers.append(derived("2:4 less 8:16", better, POINTS, [*rows.values()][:2], drops.HOW))
    numbers += [
        derived(
            f"saved for {price}: the step to 8:16 less that to 16:32",
            gap,
            f"points of drop for {price}",
            list(rows.values()),
            drops.HOW,
        )
        for price, gap in gaps.items()
    ]
    return Compromise(every(signs), _text(rows, better, gaps), tuple(numbers))


def _steps(price: str) -> tuple[float, float]:
    """What the step to 8:16 costs, and that from it to 16:32."""
    short, middle, long = (_price(price, bits(name)) for name in (SHORT, MIDDLE, LONG))
    return middle - short, long - middle


def _price(price: str, one: Bits) -> float:
    return one.whole if price == PRICES[0] else multiplexer_inputs(one.keep, one.group)


def _slower(rows: Mapping[str, Row], first: float, second: float) -> Estimate:
    """What the first step saves for its price, less what the second does for its own."""
    weights = {SHORT: 1 / first, MIDDLE: -1 / first - 1 / second, LONG: 1 / second}
    return drops.combined([rows[name] for name in weights], list(weights.values()))


def _text(rows: Mapping[str, Row], better: Estimate, gaps: Mapping[str, Estimate]) -> str:
    lost = listed(f"{with_interval(row.drop, unit='%')} at {name}" for name, row in rows.items())
    costs = listed(
        f"{plain(_price(PRICES[0], bits(name)), 4)} bits and {_price(PRICES[1], bits(name)):,} "
        f"inputs at {name}"
        for name in rows
    )
    said = {"yes": "more", "no": "less", "open": "not certainly more"}
    steps = listed(
        f"{said[above(gap)]} for {price} ({with_interval(gap, _places(gap))} points)"
        for price, gap in gaps.items()
    )
    return (
        f"As a compromise, on {model_title(MODEL)}: activations lose {lost}, for {costs}. 8:16 "
        f"saves {with_interval(better)} points against 2:4. Beside the step on to 16:32 this one "
        f"saves {steps}. Trade-offs has every pattern, model and cost in one figure."
    )


def _places(gap: Estimate) -> int:
    return 3 if abs(gap.value) < 1 else 1
