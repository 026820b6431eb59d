"""Claims 2 and 3: how much better longer blocks are than 2:4, and how near to unstructured."""

from collections.abc import Mapping, Sequence
from functools import partial

from nmviz.base.wording import listed
from nmviz.claims.shared import drops, own_runs
from nmviz.claims.shared.answer import Answer, Claim, Half, Live, Number
from nmviz.claims.shared.budgets import Budget
from nmviz.claims.shared.comparing import Compared, judge
from nmviz.claims.shared.drops import Row
from nmviz.claims.shared.estimate import Estimate, Sign, Verdict, above, verdict_of, within
from nmviz.claims.shared.evidence import Evidence
from nmviz.claims.shared.phrases import (
    POINTS,
    TIMES,
    UNPAIRED,
    derived,
    model_title,
    paragraphs,
    rows_numbers,
    with_interval,
)
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.published import LARGE_MODELS
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.shared.theme import Figure

LADDER = ("2:4", "4:8", "8:16", "16:32", "50%")
ONE_MODEL = "llama3.1-8b"
CLOSE = 2.0
"""Points of drop: what counts as close is ours to say, and said."""
ABOUT = 1.5
"""`About k times` means between k / 1.5 and 1.5 k."""
LIVE_CLOSE = 0.1
"""Nats a token: a tenth more in perplexity."""
FIELLER = "Fieller's interval of the ratio; the dense row that both share is counted once"

SIXTEEN_RULE = (
    f"Three parts. Close: the drop at 16:32 less that at 50% lies within {CLOSE:g} points with "
    "its whole 95% interval (the margin is ours). Better than 2:4: the ratio of the drops lies "
    f"above 1. About 3 times better: it lies between {3 / ABOUT:g} and {3 * ABOUT:g}, that "
    f"is within a factor of {ABOUT:g} of 3. All yes: holds; an interval that reaches over a limit "
    f"decides nothing. {UNPAIRED}"
)
EIGHT_RULE = (
    f"On each model: the drop at 2:4 over that at 8:16, with Fieller's 95% interval, lies between "
    f"{2 / ABOUT:.3g} and {2 * ABOUT:g}, that is within a factor of {ABOUT:g} of 2. Inside on all: "
    f"holds; on some: holds partly; an interval that reaches over a limit decides nothing. "
    f"{UNPAIRED}"
)


def sixteen(evidence: Evidence) -> Answer:
    """Claim 2, from Table 6."""
    ladder = _ladder(evidence)
    needed = [ladder.get(pattern) for pattern in ("2:4", "16:32", "50%")]
    two, wide, free = needed
    if two is None or wide is None or free is None:
        return Answer(_nothing(SIXTEEN_RULE, "Table 6"), _sixteen_live(evidence))
    gap, times = drops.difference(wide, free), drops.ratio(two, wide)
    parts = [
        Compared("close to 50%", gap, within(gap, -CLOSE, CLOSE), (wide, free)),
        Compared("better than 2:4", times, above(times, 1), (two, wide)),
        Compared("about 3 times", times, within(times, 3 / ABOUT, 3 * ABOUT), (two, wide)),
    ]
    judged = judge(parts)
    lost = {row.label: with_interval(row.drop, unit="%") for row in (two, wide, free)}
    text = paragraphs(
        f"On {model_title(ONE_MODEL)} 16:32 loses {lost[wide.label]} of the accuracy, "
        f"unstructured 50% loses {lost[free.label]}: {with_interval(gap)} points apart, "
        f"{_close(parts[0].sign, CLOSE, 'points')}.",
        f"2:4 loses {lost[two.label]}, {with_interval(times)} times as much: "
        f"{_compatible(times, {'2.7': 2.7, '3': 3.0})}.",
        judged.sentence,
    )
    numbers = [
        *rows_numbers([two, wide, free]),
        derived("16:32 less 50%", gap, POINTS, [wide, free], drops.HOW),
        derived("2:4 over 16:32", times, TIMES, [two, wide], FIELLER),
    ]
    title = f"Published: 2:4 loses {with_interval(times, 1)} times what 16:32 does"
    main = Half(judged.verdict, text, SIXTEEN_RULE, tuple(numbers), partial(_draw, ladder, title))
    return Answer(main, _sixteen_live(evidence))


def eight(evidence: Evidence) -> Answer:
    """Claim 3: Table 6 for Llama 3.1, Tables 10 and 11 for the others."""
    pairs: dict[str, tuple[Row, Row]] = {}
    for model in LARGE_MODELS:
        two, eight_ = (_act(evidence, model, pattern) for pattern in ("2:4", "8:16"))
        if two is not None and eight_ is not None:
            pairs[model] = (two, eight_)
    if not pairs:
        return Answer(_nothing(EIGHT_RULE, "Tables 6, 10 and 11"), _eight_live(evidence))
    times = {model: drops.ratio(*pair) for model, pair in pairs.items()}
    compared = [
        Compared(model_title(m), times[m], within(times[m], 2 / ABOUT, 2 * ABOUT), pairs[m])
        for m in pairs
    ]
    judged = judge(compared)
    numbers = rows_numbers(row for pair in pairs.values() for row in pair)
    for one in compared:
        numbers.append(
            derived(f"{one.label}: 2:4 over 8:16", one.estimate, TIMES, one.rows, FIELLER)
        )
    rows = [
        IntervalRow(o.label, o.estimate.value, o.estimate.low, o.estimate.high, marked=o.is_marked)
        for o in compared
    ]
    figure = partial(
        interval_rows,
        rows,
        axis="drop at 2:4 / drop at 8:16 (times)",
        title="Published: how many times as much 2:4 loses as 8:16",
        lines={"as good": 1.0, "twice": 2.0},
        least=0.0,
        most=6.0,
    )
    text = paragraphs(_eight_text(compared, pairs), judged.sentence)
    main = Half(judged.verdict, text, EIGHT_RULE, tuple(numbers), figure)
    return Answer(main, _eight_live(evidence))


def _eight_text(compared: Sequence[Compared], pairs: Mapping[str, tuple[Row, Row]]) -> str:
    first, *others = [f"on {one.label}" for one in compared]
    first = f"times as much as 8:16 {first}"
    said = listed(
        f"{with_interval(one.estimate)} {where}"
        for one, where in zip(compared, (first, *others), strict=True)
    )
    twice = [one.label for one in compared if one.sign == "yes"]
    wide = [one.label for one in compared if one.sign == "open"]
    worse = [
        model_title(model)
        for model, pair in pairs.items()
        if above(drops.difference(*pair)) != "yes"
    ]
    return paragraphs(
        f"2:4 loses {said}.",
        f"About twice is inside the limits on {listed(twice)}." if twice else "",
        f"The interval is too wide to tell on {listed(wide)}." if wide else "",
        f"That 8:16 is better at all cannot be told on {listed(worse)}."
        if worse
        else "That 8:16 is better at all is clear on every model.",
    )


def _act(evidence: Evidence, model: str, pattern: str) -> Row | None:
    """Plain activation pruning; from Table 6 where it has the model, with four digits."""
    other = {"2:4": "Table 10", "8:16": "Table 11"}
    exact = drops.row(evidence, "Table 6", model, pattern, "ACT")
    return exact or drops.row(evidence, other[pattern], model, pattern, "ACT")


def _ladder(evidence: Evidence) -> dict[str, Row]:
    rows = {p: drops.row(evidence, "Table 6", ONE_MODEL, p, "ACT") for p in LADDER}
    return {pattern: row for pattern, row in rows.items() if row is not None}


def _close(sign: Sign, margin: float, unit: str) -> str:
    return {
        "yes": f"within {margin:g} {unit}",
        "no": f"more than {margin:g} {unit}",
        "open": f"an interval that reaches over the margin of {margin:g} {unit}",
    }[sign]


def _compatible(times: Estimate, said: Mapping[str, float]) -> str:
    """Which of the printed factors the interval holds."""
    if not times.is_bounded:
        return "too uncertain to be compared with any factor"
    inside = [
        text for text, value in said.items() if (times.low or 0) <= value <= (times.high or 0)
    ]
    outside = [text for text in said if text not in inside]
    parts = [f"{listed(inside)} in the interval" if inside else ""]
    parts.append(f"{listed(outside)} outside of it" if outside else "")
    return ", ".join(part for part in parts if part)


def _draw(ladder: Mapping[str, Row], title: str) -> Figure:
    rows = [
        IntervalRow(p, row.drop.value, row.drop.low, row.drop.high, marked=bool(row.suspect))
        for p, row in ladder.items()
    ]
    axis = f"accuracy lost (% of dense), {model_title(ONE_MODEL)}"
    return interval_rows(rows, axis=axis, title=title, least=0.0)


def _nothing(rule: str, place: str) -> Half:
    return Half("not decidable here", f"{place} of the paper is not in the store.", rule)


def sixteen_experiments(model: str, budget: Budget) -> tuple[Experiment, ...]:
    """Activations at 2:4, 16:32 and 50%."""
    return tuple(own_runs.experiment(model, pattern, budget) for pattern in ("2:4", "16:32", "50%"))


def eight_experiments(model: str, budget: Budget) -> tuple[Experiment, ...]:
    """Activations at 2:4 and 8:16."""
    return tuple(own_runs.experiment(model, pattern, budget) for pattern in ("2:4", "8:16"))


def _sixteen_live(evidence: Evidence) -> Half | None:
    two, wide, free = evidence.most(sixteen_experiments)
    if two is None or wide is None or free is None:
        return None
    gap, times = own_runs.dearer(wide, free), own_runs.times_as_dear(two, wide)
    signs = [within(gap, -LIVE_CLOSE, LIVE_CLOSE), above(times, 1), within(times, 2, 4.5)]
    title = model_title(evidence.model)
    text = (
        f"On {title} 16:32 costs {with_interval(own_runs.cost(wide))} nats a token and "
        f"unstructured 50% {with_interval(own_runs.cost(free))}: {with_interval(gap)} apart, "
        f"{_close(signs[0], LIVE_CLOSE, 'nats')}. "
        f"2:4 costs {with_interval(times)} times as much as 16:32."
    )
    rule = (
        f"As above, in nats a token: close is within {LIVE_CLOSE:g} nats (a tenth more in "
        "perplexity, our margin); about 3 times is between 2 and 4.5."
    )
    numbers = [
        own_runs.derived_number("16:32 less 50%", gap, own_runs.NATS, [wide, free]),
        own_runs.derived_number("2:4 over 16:32", times, TIMES, [two, wide]),
    ]
    return _live_half(evidence, [two, wide, free], numbers, verdict_of(signs), text, rule)


def _eight_live(evidence: Evidence) -> Half | None:
    two, eight_ = evidence.most(eight_experiments)
    if two is None or eight_ is None:
        return None
    times = own_runs.times_as_dear(two, eight_)
    sign = within(times, 2 / ABOUT, 2 * ABOUT)
    text = (
        f"On {model_title(evidence.model)} 2:4 costs {with_interval(own_runs.cost(two))} nats a "
        f"token and 8:16 {with_interval(own_runs.cost(eight_))}: {with_interval(times)} times as "
        "much."
    )
    numbers = [own_runs.derived_number("2:4 over 8:16", times, TIMES, [two, eight_])]
    rule = "As above, with costs in nats a token in place of drops."
    return _live_half(evidence, [two, eight_], numbers, verdict_of([sign]), text, rule)


def _live_half(
    evidence: Evidence,
    runs: Sequence[Result],
    numbers: Sequence[Number],
    verdict: Verdict,
    text: str,
    rule: str,
) -> Half:
    costs = {run.experiment.pattern: own_runs.cost(run) for run in runs}
    rows = [IntervalRow(p, cost.value, cost.low, cost.high) for p, cost in costs.items()]
    figure = partial(
        interval_rows,
        rows,
        axis="cost of pruning activations (nats a token)",
        title=f"Live, {model_title(evidence.model)}: the cost at each pattern",
        least=0.0,
    )
    every = (*(own_runs.run_number(run) for run in runs), *numbers)
    return Half(verdict, text, rule, every, figure, own_runs.remarks(runs, own_runs.APART))


CLAIM_SIXTEEN = Claim(
    "sixteen",
    "16:32",
    "Is 16:32 close to unstructured 50%, and about three times better than 2:4?",
    sixteen,
    Live("Activations at 2:4, 16:32 and 50%, magnitude: 3 runs", sixteen_experiments),
)
CLAIM_EIGHT = Claim(
    "eight",
    "8:16",
    "Is 8:16 about twice as good as 2:4?",
    eight,
    Live("Activations at 2:4 and 8:16, magnitude: 2 runs", eight_experiments),
)
