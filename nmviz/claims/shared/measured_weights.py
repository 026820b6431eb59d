"""What was measured of pruned weights at 2:4 on GPUs: how often it was faster, by phase."""

from collections.abc import Sequence
from statistics import median

from nmviz.base.wording import listed
from nmviz.claims.shared.answer import Number
from nmviz.claims.shared.digits import plain
from nmviz.claims.shared.estimate import Estimate
from nmviz.published.speeds.measured import PHASE_WORDS, Measured, Phase
from nmviz.published.speeds.nearest import FASTER, SLOWER, answer_of

PATTERN = "2:4"
LIMITS = f"faster from {FASTER} times on, slower up to {SLOWER}"


def of_phases(rows: Sequence[Measured]) -> dict[Phase, list[Measured]]:
    """Ratios of pruned weights, by what was timed; phases without any are not there."""
    wanted = [one for one in rows if (one.target, one.pattern) == ("weight", PATTERN)]
    found = {phase: [one for one in wanted if one.phase == phase] for phase in PHASE_WORDS}
    return {phase: own for phase, own in found.items() if own}


def sentence(rows: Sequence[Measured]) -> str:
    """How many are faster and slower, in each phase; empty where nothing is there."""
    said = []
    for phase, own in of_phases(rows).items():
        told = [answer_of(one.ratio) for one in own]
        said.append(
            f"faster in {told.count('yes')} and slower in {told.count('no')} of {len(own)} "
            f"({PHASE_WORDS[phase]}, median {plain(median(one.ratio for one in own))})"
        )
    if not said:
        return ""
    return (
        f"Of weights at {PATTERN}, compressed beforehand, the ratios measured on six GPUs that are "
        f"in no doubt are {listed(said)}. Trade-offs says it of a machine, a data type and a size."
    )


def numbers(rows: Sequence[Measured]) -> list[Number]:
    """The median of each phase, with the least and the most."""
    return [
        Number(
            label=f"weights {PATTERN}, {PHASE_WORDS[phase]}: median of what was measured",
            written=plain(median(one.ratio for one in own)),
            estimate=Estimate(
                median(one.ratio for one in own),
                min(one.ratio for one in own),
                max(one.ratio for one in own),
            ),
            unit="times the dense speed",
            source=own[0].source,
            place=own[0].place.partition(",")[0],
            how="least and most over machines, data types and sizes; not a 95% interval",
            n=len(own),
            unit_of_n="ratios in no doubt",
        )
        for phase, own in of_phases(rows).items()
    ]
