"""Claim 7: what N:M costs in metadata, exactly, and whether 8:16 is the best compromise."""

from math import log2

from nmviz.claims.shared.answer import Answer, Claim, Half, Live, Number
from nmviz.claims.shared.compromise import RULE as COMPROMISE
from nmviz.claims.shared.compromise import compromise
from nmviz.claims.shared.digits import plain
from nmviz.claims.shared.estimate import Estimate, Sign, verdict_of
from nmviz.claims.shared.evidence import PAPER, Evidence
from nmviz.hardware.metadata import NVIDIA, NVIDIA_SOURCE, Bits, bits
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.shared.theme import Figure

SHOWN = ("1:4", "2:4", "4:8", "8:16", "16:32")
PRINTED = {"2:4": 0.75, "8:16": 0.875}
ORDER = 10.0
LAST_COMPARED = 64  # entries; beyond, the counts say nothing to a reader
NEARLY = 0.9
RULE = (
    "Three parts are computed, so without an interval: the printed 0.75 and 0.875 bits are what a "
    "code of whole bits a group needs, ceil(log2 C(M, N)) / M; they are the quotient "
    "log2 C(M, N) / M that stands before them, to two decimals; 8:16 has nearly ten times the "
    f"patterns of four 2:4 groups (at least {NEARLY * ORDER:g} times). The fourth is measured: "
    f"{COMPROMISE}. All true: holds; some: holds partly."
)


def sentence(one: Bits) -> str:
    """One pattern in words."""
    count = f"{one.patterns:,}" if one.patterns < 10**15 else f"2^{log2(one.patterns):.1f}"
    said = (
        f"{one.name} has {count} patterns a group: {plain(one.entropy, 4)} bits an element at "
        f"least, {plain(one.whole, 4)} in whole bits a group, {plain(one.index, 4)} with an index "
        f"for every kept entry; in fp16 {plain(100 * one.stored(one.whole))}% of the dense bytes."
    )
    if one.four_blocks and 4 < one.group <= LAST_COMPARED:
        times = one.patterns / one.four_blocks
        said += f" Groups of 2:4 over as many entries have {one.four_blocks:,}: {one.name} has "
        said += f"{plain(times)} times as many."
    return said


def answer(evidence: Evidence) -> Answer:
    """From counting, and from one table for what the patterns lose; the printed bits are the
    paper's."""
    two, eight = bits("2:4"), bits("8:16")
    times = eight.patterns / (eight.four_blocks or 1)
    signs: list[Sign] = [
        _sign(all(bits(name).whole == printed for name, printed in PRINTED.items())),
        _sign(all(round(bits(name).entropy, 2) == printed for name, printed in PRINTED.items())),
        _sign(times >= NEARLY * ORDER),
    ]
    text = (
        f"A code of whole bits a group needs {plain(two.whole, 3)} bits an element for 2:4 and "
        f"{plain(eight.whole, 3)} for 8:16: these are the printed values.\nThe quotients that the "
        f"paper writes them as are {plain(two.entropy, 3)} and {plain(eight.entropy, 3)}.\nThe 2:4 "
        f"format that GPUs read spends {plain(NVIDIA, 1)}, more than 8:16 needs.\n8:16 has "
        f"{eight.patterns:,} patterns against {eight.four_blocks:,} of four 2:4 groups, "
        f"{plain(times)} times as many."
    )
    numbers = [number for name in SHOWN for number in _numbers(bits(name))]
    numbers += [_printed(name, value) for name, value in PRINTED.items()]
    numbers += _compared(eight, times)
    chosen = compromise(evidence)
    if chosen is not None:
        signs.append(chosen.sign)
        text, numbers = f"{text}\n{chosen.text}", [*numbers, *chosen.numbers]
    return Answer(Half(verdict_of(signs), text, RULE, tuple(numbers), _draw))


def _sign(true: bool) -> Sign:
    return "yes" if true else "no"


def _numbers(one: Bits) -> list[Number]:
    told = {
        "patterns a group, C(M, N)": (one.patterns, f"{one.patterns:,}", "patterns"),
        "entropy, log2 C / M": (one.entropy, plain(one.entropy, 4), "bits an element"),
        "whole bits, ceil(log2 C) / M": (one.whole, plain(one.whole, 4), "bits an element"),
        "index of every kept entry": (one.index, plain(one.index, 4), "bits an element"),
        "stored in fp16, whole bits": (
            100 * one.stored(one.whole),
            plain(100 * one.stored(one.whole)),
            "% of the dense bytes",
        ),
    }
    return [
        _computed(f"{one.name}: {label}", written, value, unit)
        for label, (value, written, unit) in told.items()
    ]


def _printed(name: str, value: float) -> Number:
    return Number(
        label=f"{name}: bits as printed",
        written=f"{value:g}",
        estimate=Estimate(value),
        unit="bits an element",
        source=PAPER,
        place="section 2",
        how="none: a count, not a measurement",
    )


def _compared(eight: Bits, times: float) -> list[Number]:
    """The format of GPUs, and 8:16 beside four groups of 2:4."""
    blocks = eight.four_blocks or 1
    return [
        Number(
            label="2:4: bits of the format that GPUs read",
            written=plain(NVIDIA, 1),
            estimate=Estimate(NVIDIA),
            unit="bits an element",
            source=NVIDIA_SOURCE,
            place="two bits for each of two kept entries of four",
            how="exact",
        ),
        _computed("four groups of 2:4: patterns", f"{blocks:,}", blocks, "patterns"),
        _computed("8:16 over four groups of 2:4: patterns", plain(times), times, "times"),
    ]


def _computed(label: str, written: str, value: float, unit: str) -> Number:
    return Number(label, written, Estimate(float(value)), unit, "computed", "", "exact")


def _draw() -> Figure:
    rows = []
    for one in map(bits, SHOWN):
        rows += [
            IntervalRow(one.name, one.entropy, series="least (entropy)"),
            IntervalRow(one.name, one.whole, series="whole bits a group"),
            IntervalRow(one.name, one.index, series="index of every kept entry"),
        ]
    return interval_rows(
        rows,
        axis="metadata (bits an element)",
        title="Computed: 8:16 in whole bits needs less than the 2:4 format of GPUs spends",
        lines={"bitmap, and 2:4 on GPUs": NVIDIA},
        least=0.0,
    )


CLAIM = Claim(
    "metadata",
    "Metadata",
    "Is 8:16 the best compromise: 0.875 bits an element against 0.75, ten times the patterns?",
    answer,
    Live("Nothing to run: this is arithmetic and a table. Any N:M can be typed."),
)
