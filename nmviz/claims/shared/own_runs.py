"""Runs of the small models as evidence: what they cost in nats a token, with t intervals.

A run is paired with its own dense pass, and two runs of a text with one another where both kept
what each piece of it cost; others are taken as independent, which makes the interval too wide.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import hypot

from nmviz.base.wording import listed
from nmviz.claims.shared.answer import Number
from nmviz.claims.shared.budgets import Budget
from nmviz.claims.shared.digits import plain
from nmviz.claims.shared.estimate import Estimate, Verdict, Z, fieller, student
from nmviz.claims.shared.phrases import model_title
from nmviz.core.comparing.pins import pin_of
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import cost_difference, covariance, larger_floor
from nmviz.core.results import Measurement, Result
from nmviz.core.settings import Target
from nmviz.core.ties import tie_breaks
from nmviz.views.shared.floors import no_floor, noise_of

NATS = "nats a token"
OPEN: Verdict = "not decidable here"
HOW = "Student's t over pieces of text, each run paired with its dense pass"
IN_PAIRS = f"{HOW} and the runs with one another"
APART_RUNS = f"{HOW}; two runs taken as independent, which makes the interval too wide"
APART = (
    "Another model, another text and another measure than the published numbers above: "
    "only the direction can be compared."
)

HELD = (
    "Rounding alone moves a cost by up to {} nats a token: a difference below the larger noise "
    "floor of its two runs is not called one."
)

ALL_RUNS = (
    "All runs the rule asks for must be there: while some are missing only a verdict stands that "
    "none of them could change."
)


def experiment(
    model: str,
    pattern: str,
    budget: Budget,
    target: Target = "activation",
    criterion: str = "magnitude",
    mitigations: tuple[str, ...] = (),
) -> Experiment:
    """An experiment of the live half."""
    return Experiment.build(
        model=model,
        pattern=pattern,
        target=target,
        criterion=criterion,
        mitigations=mitigations,
        **budget._asdict(),
    )


def cost(run: Result) -> Estimate:
    """Its difference to dense in mean NLL."""
    return student(*_told(run.get("delta_nll")))


def dearer(one: Result, other: Result, count: int = 1) -> Estimate:
    """How many nats a token `one` costs more than `other`; one of `count` comparisons at once.
    Below the larger of their noise floors it is no difference (see `pairing.judge`)."""
    apart = student(*_told(cost_difference(one, other)), count)
    return replace(apart, floor=larger_floor(one, other))


def times_as_dear(one: Result, other: Result) -> Estimate:
    """How many times as much `one` costs as `other`, with Fieller's interval; what rounding does to
    the two costs moves their ratio."""
    (a, of_a, n), (b, of_b, m) = (_told(run.get("delta_nll")) for run in (one, other))
    wider = student(0.0, 1.0, min(n, m)).high or Z  # t instead of the normal distribution
    scale = (wider / Z) ** 2
    shared = scale * (covariance(one, other) or 0.0)
    ratio = fieller(a, b, (scale * of_a**2, scale * of_b**2), shared)
    floor = hypot(larger_floor(one), ratio.value * larger_floor(other)) / abs(b)
    return replace(ratio, floor=floor)


def remarks(runs: Sequence[Result | None], *more: str) -> tuple[str, ...]:
    """What is said beside a live half: `more`, and how the noise floors of the runs that are there
    bound what is called a difference, or that they have none."""
    there = [run for run in runs if run is not None]
    floor = noise_of(there)
    held = "" if floor is None else HELD.format(plain(floor, 3))
    said = " ".join(part for part in (held, no_floor(there)) if part)
    return tuple(part for part in (*more, said) if part)


def absent(names: Sequence[str], asked: int, verdict: Verdict) -> str:
    """Which of the runs that the rule asks for are not there; empty where all are."""
    if not names:
        return ""
    there = asked - len(names)
    said = f"{there} of the {asked} runs that the rule asks for are there; missing: {listed(names)}"
    return said + ("." if verdict == OPEN else ". Nothing they give can change the verdict.")


def run_number(run: Result) -> Number:
    """A run's cost as a number of an answer."""
    made, (_, _, n) = run.experiment, _told(run.get("delta_nll"))
    target = "weights" if made.target == "weight" else "activations"
    methods = " + ".join((made.rule, *made.mitigations))
    return Number(
        label=f"{model_title(made.model)}, {target} {made.pattern}, {methods}",
        written=plain(cost(run).value, 3),
        estimate=cost(run),
        unit=NATS,
        source="nmviz",
        place=f"run {run.key[:12]}, {made.tokens:,} tokens of {made.corpus}",
        how=HOW + tied(run),
        n=n,
        unit_of_n=_unit(run),
        pins=(pin_of(run),),
    )


def tied(run: Result) -> str:
    """How its ties were broken, behind how a number was made; empty where few tie."""
    ties = tie_breaks(run)
    if ties is None or not ties.many or ties.share is None:
        return ""
    many = f"a tie decides {ties.share:.0%} of its blocks"
    if ties.rule == "index":
        return f"; {many}, for the lower index"
    spread = "" if ties.spread is None else f", between which it spreads by {plain(ties.spread, 3)}"
    return f"; {many}: mean over {ties.draws} random tie-breaks{spread}"


def derived_number(label: str, estimate: Estimate, unit: str, runs: Sequence[Result]) -> Number:
    """A number worked out from several runs."""
    in_pairs = all(covariance(runs[0], run) is not None for run in runs)
    return Number(
        label=label,
        written=plain(estimate.value, 3 if unit == NATS else 2),
        estimate=estimate,
        unit=unit,
        source="nmviz",
        place="worked out from " + " and ".join(f"run {run.key[:12]}" for run in runs),
        how=IN_PAIRS if in_pairs else APART_RUNS,
        n=min(_told(run.get("delta_nll"))[2] for run in runs),
        unit_of_n=_unit(runs[0]),
        pins=tuple(map(pin_of, runs)),
    )


def _unit(run: Result) -> str | None:
    measured = run.get("delta_nll")
    return measured.unit_of_n if measured else None


def _told(measured: Measurement | None) -> tuple[float, float, int]:
    """Value, standard error and count; an error without end where too little is known."""
    if measured is None or measured.stderr is None or measured.n is None or measured.n < 2:
        return (measured.value if measured else float("nan")), float("inf"), 2
    return measured.value, measured.stderr, measured.n
