"""Claim 12: at equal cost, does N:M lose less than leaving whole blocks out?"""

from dataclasses import dataclass
from functools import cache, partial
from itertools import product

from nmviz.claims.shared import own_runs
from nmviz.claims.shared.answer import Answer, Claim, Half, Live
from nmviz.claims.shared.budgets import ASKED, Budget
from nmviz.claims.shared.estimate import Estimate, above, verdict_of
from nmviz.claims.shared.evidence import Evidence
from nmviz.claims.shared.phrases import model_title, paragraphs, with_interval
from nmviz.core import depth
from nmviz.core.experiment import Experiment
from nmviz.core.settings import BLOCKS
from nmviz.hardware.counts import Counts, count
from nmviz.hardware.decoder import Decoder
from nmviz.hardware.facts import shipped
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.work import Work
from nmviz.methods.patterns import parse_pattern
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.shared.theme import Figure

MASKED = tuple(product(("weight", "activation"), ("2:4", "8:16")))
CRITERION = {"weight": "wanda", "activation": "magnitude"}
CALIBRATION_WINDOWS = 4
"""On which the blocks that cost least are found, as in the runs that ship."""
LENGTH = 2048
COSTS = {
    "multiply-adds": Work("prefill", LENGTH, LENGTH),
    "bytes": Work("decode", LENGTH, LENGTH),
}
RULE = (
    "arXiv:2606.09080 reports leaving blocks out ahead of N:M at equal cost. Here: of weights "
    "(Wanda) and activations (magnitude) at 2:4 and 8:16, what leaving blocks out costs less what "
    "N:M costs, in nats a token, with a 95% interval for all at once (Bonferroni). As many blocks "
    "are left out as come nearest to N:M in multiply-adds of a prompt of 2,048 tokens, and once "
    "more in bytes moved to decode a token at a context of 2,048, with index metadata; those whose "
    "removal alone costs least on calibration text. Above 0 everywhere: holds; somewhere: holds "
    f"partly. {own_runs.ALL_RUNS}"
)
REMARKS = (
    "Of one small model, without training afterwards; deeper models may spare blocks more easily.",
    "That paper was read as its abstract only.",
)


@dataclass(frozen=True)
class Case:
    """One comparison: what is masked, at which cost, and how many blocks cost about as much."""

    target: str
    pattern: str
    cost: str
    drop: int

    @property
    def label(self) -> str:
        return f"{self.target}s {self.pattern}, {self.cost}, {self.drop} blocks"


@cache
def cases(model: str) -> tuple[Case, ...]:
    """All comparisons of a model whose shape ships; none of others."""
    decoder = shipped().get(model)
    if decoder is None:
        return ()
    return tuple(
        Case(target, pattern, cost, nearest(decoder, work, target, pattern))
        for (target, pattern), (cost, work) in product(MASKED, COSTS.items())
    )


def nearest(decoder: Decoder, work: Work, target: str, pattern: str) -> int:
    """How many blocks left out come nearest to N:M in multiply-adds of a prompt, or in bytes where
    tokens are decoded; which blocks does not matter to either where all are of one shape."""
    masked = _spent(count(decoder, work, Pruning.of(target, parse_pattern(pattern))), work)
    last = len(decoder.blocks)
    left = {
        drop: _spent(
            count(decoder, work, Pruning(left_out=frozenset(depth.last_blocks(drop, last)))),
            work,
        )
        for drop in range(1, last)
    }
    return min(left, key=lambda drop: abs(left[drop] - masked))


def _spent(counts: Counts, work: Work) -> int:
    return counts.multiply_adds() if work.phase == "prefill" else counts.bytes().total


def experiments(model: str, budget: Budget) -> tuple[Experiment, ...]:
    """Every pattern of either target, then every number of blocks that is as costly as one."""
    masked = [
        own_runs.experiment(model, pattern, budget, target, CRITERION[target])  # type: ignore[arg-type]
        for target, pattern in MASKED
    ]
    return (*masked, *(_without(model, drop, budget) for drop in _drops(model)))


def _drops(model: str) -> list[int]:
    return sorted({one.drop for one in cases(model)})


def _without(model: str, drop: int, budget: Budget) -> Experiment:
    return Experiment.build(
        model=model,
        target=BLOCKS,
        drop=drop,
        by=depth.BY_COST,
        calibration_windows=CALIBRATION_WINDOWS,
        **budget._asdict(),
    )


def answer(evidence: Evidence) -> Answer:
    """From the small model's runs: of what is published only an abstract could be read."""
    every = cases(evidence.model)
    if not every:
        text = "Known of models whose shape ships with nmviz; choose one of the pinned models."
        return Answer(Half("not decidable here", text, RULE))
    runs = evidence.most(experiments)
    masked = dict(zip(MASKED, runs[: len(MASKED)], strict=True))
    dropped = dict(zip(_drops(evidence.model), runs[len(MASKED) :], strict=True))
    pairs = {one: (masked[one.target, one.pattern], dropped[one.drop]) for one in every}
    gaps = {
        one: own_runs.dearer(blocks, mask, len(every))
        for one, (mask, blocks) in pairs.items()
        if mask is not None and blocks is not None
    }
    verdict = verdict_of(map(above, gaps.values()), len(every) - len(gaps))
    asked = experiments(evidence.model, ASKED)
    missing = [_name(one) for one, run in zip(asked, runs, strict=True) if run is None]
    text = paragraphs(_text(evidence.model, gaps), own_runs.absent(missing, len(runs), verdict))
    numbers = [own_runs.run_number(run) for run in runs if run is not None]
    for one, gap in gaps.items():
        label = f"{one.label}: blocks left out less N:M"
        both = [run for run in pairs[one] if run is not None]
        numbers.append(own_runs.derived_number(label, gap, own_runs.NATS, both[::-1]))
    figure = partial(_draw, gaps, evidence.model) if gaps else None
    return Answer(
        Half(verdict, text, RULE, tuple(numbers), figure, own_runs.remarks(runs, *REMARKS))
    )


def _name(one: Experiment) -> str:
    if one.target == BLOCKS:
        return depth.in_words(one.drop, one.by)
    return f"{one.target}s {one.pattern} by {one.criterion}"


def _text(model: str, gaps: dict[Case, Estimate]) -> str:
    if not gaps:
        return "Nothing that was run tells: press the button, or run what is missing."
    signs = [above(gap) for gap in gaps.values()]
    least, most = (choose(gaps, key=lambda one: gaps[one].value) for choose in (min, max))
    return (
        f"On {model_title(model)} leaving blocks out costs more than N:M at equal cost in "
        f"{signs.count('yes')} of {len(gaps)} comparisons, less in {signs.count('no')}; from "
        f"{with_interval(gaps[least])} nats a token ({least.label}) to "
        f"{with_interval(gaps[most])} ({most.label})."
    )


def _draw(gaps: dict[Case, Estimate], model: str) -> Figure:
    rows = [
        IntervalRow(f"{one.pattern}, {one.cost}", gap.value, gap.low, gap.high, f"{one.target}s")
        for one, gap in gaps.items()
    ]
    ahead = sum(above(gap) == "yes" for gap in gaps.values())
    return interval_rows(
        rows,
        axis="nats a token more than N:M",
        title=f"{model_title(model)}: N:M loses less in {ahead} of {len(rows)} comparisons",
        lines={"as much": 0.0},
    )


CLAIM = Claim(
    "depth",
    "Depth",
    "At equal cost, does N:M lose less than leaving whole blocks out?",
    answer,
    Live("Weights and activations at 2:4 and 8:16, and blocks left out: 7 runs", experiments),
    only_live=True,
)
