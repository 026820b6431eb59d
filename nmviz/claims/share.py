"""Claim 6: can half of the activations go, and not 70%?"""

from functools import partial

from nmviz.base.wording import listed
from nmviz.claims.shared import drops, own_runs
from nmviz.claims.shared.answer import Answer, Claim, Half, Live
from nmviz.claims.shared.budgets import Budget
from nmviz.claims.shared.comparing import Compared, counted, judge
from nmviz.claims.shared.drops import Row
from nmviz.claims.shared.estimate import Sign, above, every, opposite, verdict_of
from nmviz.claims.shared.evidence import Evidence
from nmviz.claims.shared.phrases import (
    TIMES,
    UNPAIRED,
    model_title,
    paragraphs,
    rows_numbers,
    with_interval,
)
from nmviz.core.experiment import Experiment
from nmviz.published import LARGE_MODELS
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.shared.theme import Figure

LINE = 10.0
"""Percent of the accuracy: where bearable ends is ours to say, and said."""
LIVE_LINE = 2.0
PATTERNS = ("50%", "70%")
RULE = (
    f"On each model: the drop at 50% lies under {LINE:g}% with its whole 95% interval, and that at "
    f"70% above (the line is ours; the drops stand beside it for any other). Both on every model: "
    f"holds; on some: holds partly. An interval that reaches over the line decides nothing. "
    f"{UNPAIRED} Drops are recomputed from the accuracies: those printed in Table 9 for Qwen and "
    "Gemma do not follow from them. A row with an accuracy that the audit marked does not decide."
)
LIVE_RULE = (
    f"No line of accuracy exists for a cost in nats: here the question is whether 70% costs more "
    f"than {LIVE_LINE:g} times what 50% does, with the whole Fieller interval of the ratio."
)


def answer(evidence: Evidence) -> Answer:
    """From Table 6 for Llama 3.1, Table 9 for the others, and from the small model's runs."""
    compared = []
    for model in LARGE_MODELS:
        half, most = (_row(evidence, model, pattern) for pattern in PATTERNS)
        if half is not None and most is not None:
            gap = drops.difference(most, half)
            compared.append(Compared(model_title(model), gap, _sign(half, most), (half, most)))
    judged = judge(compared)
    text = paragraphs(
        f"At 50% activations lose {_drops(compared, 0)}.",
        f"At 70% they lose {_drops(compared, 1)}.",
        _outcome(compared),
        judged.sentence,
    )
    numbers = rows_numbers(row for one in compared for row in one.rows)
    main = Half(judged.verdict, text, RULE, tuple(numbers), partial(_draw, compared))
    return Answer(main, _live(evidence))


def _row(evidence: Evidence, model: str, pattern: str) -> Row | None:
    exact = drops.row(evidence, "Table 6", model, pattern, "ACT")
    return exact or drops.row(evidence, "Table 9", model, pattern, "ACT")


def _sign(half: Row, most: Row) -> Sign:
    return every((opposite(above(half.drop, LINE)), above(most.drop, LINE)))


def _drops(compared: list[Compared], place: int) -> str:
    each = ((one.label, one.rows[place].drop) for one in compared)
    return listed(f"{with_interval(drop, unit='%')} on {label}" for label, drop in each)


def _outcome(compared: list[Compared]) -> str:
    yes, no, unsure = (counted(compared, sign) for sign in ("yes", "no", "open"))
    said = [
        f"Under {LINE:g}% at 50% and above it at 70% on {listed(o.label for o in yes)}."
    ] * bool(yes)
    said += [f"Not so on {listed(o.label for o in no)}."] * bool(no)
    said += [f"Not to be told on {listed(o.label for o in unsure)}."] * bool(unsure)
    if any(one.rows[0].sparse.experiment.model == "qwen2.5-7b" for one in no):
        said.append("Qwen keeps q, k and v dense, so less than the printed share of it is pruned.")
    return " ".join(said)


def _draw(compared: list[Compared]) -> Figure:
    rows = [
        IntervalRow(
            one.label, row.drop.value, row.drop.low, row.drop.high, pattern, bool(row.suspect)
        )
        for one in compared
        for pattern, row in zip(PATTERNS, one.rows, strict=True)
    ]
    return interval_rows(
        rows,
        axis="accuracy lost (% of dense)",
        title="Published: what dropping 50% and 70% of the activations loses",
        lines={"our line": LINE},
    )


def experiments(model: str, budget: Budget) -> tuple[Experiment, ...]:
    """Activations at 50% and 70%."""
    return tuple(own_runs.experiment(model, pattern, budget) for pattern in PATTERNS)


def _live(evidence: Evidence) -> Half | None:
    half, most = evidence.most(experiments)
    if half is None or most is None:
        return None
    times = own_runs.times_as_dear(most, half)
    costs = {run.experiment.pattern: own_runs.cost(run) for run in (half, most)}
    title = model_title(evidence.model)
    text = (
        f"On {title} 50% costs {with_interval(costs['50%'])} nats a token and 70% "
        f"{with_interval(costs['70%'])}: {with_interval(times)} times as much."
    )
    figure = partial(
        interval_rows,
        [IntervalRow(name, cost.value, cost.low, cost.high) for name, cost in costs.items()],
        axis="cost of pruning activations (nats a token)",
        title=f"Live, {title}: the cost of either share",
        least=0.0,
    )
    numbers = (
        own_runs.run_number(half),
        own_runs.run_number(most),
        own_runs.derived_number("70% over 50%", times, TIMES, [most, half]),
    )
    verdict = verdict_of([above(times, LIVE_LINE)])
    return Half(
        verdict, text, LIVE_RULE, numbers, figure, own_runs.remarks([half, most], own_runs.APART)
    )


CLAIM = Claim(
    "share",
    "50% and 70%",
    "Can half of the activations go, and not 70%?",
    answer,
    Live("Activations at 50% and 70%, magnitude: 2 runs", experiments),
)
