"""The live half of a claim on what a method saves: plain pruning beside it, in nats a token."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from nmviz.base.wording import listed
from nmviz.claims.shared import own_runs
from nmviz.claims.shared.answer import Half
from nmviz.claims.shared.estimate import above, verdict_of
from nmviz.claims.shared.phrases import model_title, paragraphs, with_interval
from nmviz.core.results import Result
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows


@dataclass(frozen=True)
class Telling:
    """How a claim says it: what is pruned plainly, what is saved, and the figure's words."""

    plain: str  # `2:4 by magnitude`
    saved: str  # `saved`, `won back`
    axis: str
    title: str
    line: str
    rule: str
    end: str = ""
    remarks: tuple[str, ...] = ()


def half(plain: Result | None, asked: Mapping[str, Result | None], told: Telling) -> Half | None:
    """What each of the others costs less than plain pruning, with an interval for all at once; None
    where there is nothing to compare.

    `asked` has all that the rule compares: those not run yet count among the comparisons, or the
    intervals would grow with every run that is added.
    """
    others = {name: run for name, run in asked.items() if run is not None}
    if plain is None or not others:
        return None
    gains = {name: own_runs.dearer(plain, run, len(asked)) for name, run in others.items()}
    verdict = verdict_of((above(gain) for gain in gains.values()), len(asked) - len(others))
    missing = [name for name in asked if name not in others]
    title = model_title(plain.experiment.model)
    said = listed(f"{with_interval(gain)} by {name}" for name, gain in gains.items())
    cost = with_interval(own_runs.cost(plain))
    numbers = [own_runs.run_number(run) for run in (plain, *others.values())]
    for (name, gain), run in zip(gains.items(), others.values(), strict=True):
        numbers.append(
            own_runs.derived_number(f"{told.saved} by {name}", gain, own_runs.NATS, [plain, run])
        )
    figure = partial(
        interval_rows,
        [IntervalRow(name, gain.value, gain.low, gain.high) for name, gain in gains.items()],
        axis=f"nats a token {told.axis}",
        title=f"Live, {title}: {told.title} at {plain.experiment.pattern}",
        lines={told.line: 0.0},
    )
    return Half(
        verdict,
        paragraphs(
            f"On {title} {told.plain} costs {cost} nats a token; {told.saved}: {said}{told.end}.",
            own_runs.absent(missing, 1 + len(asked), verdict),
        ),
        f"{told.rule} {own_runs.ALL_RUNS}",
        tuple(numbers),
        figure,
        own_runs.remarks([plain, *others.values()], own_runs.APART, *told.remarks),
    )
