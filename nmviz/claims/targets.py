"""Claim 1: at equal sparsity, does pruning activations keep more than pruning weights?"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product

from nmviz.base.wording import listed
from nmviz.claims.shared import drops, own_runs
from nmviz.claims.shared.answer import Answer, Claim, Half, Live
from nmviz.claims.shared.budgets import Budget
from nmviz.claims.shared.comparing import Compared, counted, judge
from nmviz.claims.shared.drops import Row
from nmviz.claims.shared.estimate import Estimate, Verdict, above, verdict_of
from nmviz.claims.shared.evidence import Evidence
from nmviz.claims.shared.phrases import (
    POINTS,
    UNPAIRED,
    derived,
    drop_row,
    model_title,
    paragraphs,
    rows_numbers,
    with_interval,
)
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.settings import TARGETS
from nmviz.core.ties import tie_breaks
from nmviz.published import LARGE_MODELS
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.shared.theme import Figure

PLACES = {
    "2:4": "Table 10",
    "8:16": "Table 11",
    "20%": "Table 9",
    "50%": "Table 9",
    "70%": "Table 9",
    "90%": "Table 9",
}
LIVE_PATTERNS = ("2:4", "8:16", "50%")
RULE = (
    "For every model and pattern that a table has both of: the drop of pruned weights less that of "
    "pruned activations, with its 95% interval. Above 0 everywhere: holds; somewhere: holds "
    "partly; nowhere, and below 0 in at least half: does not hold; else not decidable. An interval "
    f"that reaches over 0 decides nothing. {UNPAIRED} Perplexities have no interval and decide "
    "nothing."
)
LIVE_RULE = (
    "The cost of pruned weights less that of pruned activations, magnitude, same pattern, same "
    "text: above 0 with the whole 95% interval at every pattern: holds; at some: holds partly. "
    f"{own_runs.ALL_RUNS}"
)


def experiments(model: str, budget: Budget) -> tuple[Experiment, ...]:
    """Both targets at the patterns of the live half."""
    return tuple(
        own_runs.experiment(model, pattern, budget, target)
        for pattern in LIVE_PATTERNS
        for target in TARGETS
    )


def answer(evidence: Evidence) -> Answer:
    """The answer from every table that has both targets, and from the small model's runs."""
    compared = list(_comparisons(evidence))
    judged = judge(compared)
    ends = _ends(compared)
    rows = [*(row for one in compared for row in one.rows), *ends]
    numbers = [*rows_numbers(rows)]
    for one in compared:
        label = f"{one.label}: weights less activations"
        numbers.append(derived(label, one.estimate, POINTS, one.rows, drops.HOW))
    main = Half(
        verdict=judged.verdict,
        text=_text(compared, ends, judged.sentence),
        rule=RULE,
        numbers=tuple(numbers),
        figure=partial(_draw, compared),
    )
    return Answer(main, _live(evidence))


def _comparisons(evidence: Evidence) -> list[Compared]:
    found = []
    for pattern, place in PLACES.items():
        for model in LARGE_MODELS:
            pair = [drops.row(evidence, place, model, pattern, one) for one in ("WT", "ACT")]
            if pair[0] is None or pair[1] is None:
                continue
            weights, activations = pair[0], pair[1]
            gap = drops.difference(weights, activations)
            label = f"{model_title(model)}, {pattern}"
            found.append(Compared(label, gap, above(gap), (weights, activations)))
    return found


def _text(compared: list[Compared], ends: Sequence[Row], marked: str) -> str:
    if not compared:
        return "No table has both targets at one pattern."
    yes, no, unsure = (counted(compared, sign) for sign in ("yes", "no", "open"))
    said = [f"Pruned activations lose less in {len(yes)} of {len(compared)} comparisons"]
    if yes:
        least = min(yes, key=lambda one: one.estimate.value)
        most = max(yes, key=lambda one: one.estimate.value)
        said[0] += (
            f", by {with_interval(least.estimate)} points of drop ({least.label}) to "
            f"{with_interval(most.estimate)} ({most.label})"
        )
    said[0] += "."
    patterned = [one for one in compared if ":" in one.label]
    if patterned and all(one.sign == "yes" for one in patterned):
        said[0] += f" At N:M they do in all {len(patterned)}."
    if unsure:
        said.append(
            f"In {len(unsure)} the interval reaches over 0 ({listed(one.label for one in unsure)})."
        )
    if no:
        gaps = listed(f"{one.label}: {with_interval(one.estimate)}" for one in no)
        said.append(f"In {len(no)} weights lose less ({gaps}).")
    return paragraphs(*said, _at_the_ends(ends), marked)


def _at_the_ends(ends: Sequence[Row]) -> str:
    """What the least and the greatest share leave to tell, where they decide little."""
    least = [row for row in ends if not row.floor]
    most = [row for row in ends if row.floor]
    said = [f"At 20% no row loses more than {with_interval(row.drop)}%" for row in least]
    said += [
        f"at 90% every row loses {with_interval(row.drop)}% or more of what is above guessing"
        for row in most
    ]
    return f"{'; '.join(said)}." if said else ""


def _ends(compared: list[Compared]) -> list[Row]:
    """The row that loses most at 20%, and the one that loses least above guessing at 90%."""
    rows = {end: [row for one in compared if one.label.endswith(end) for row in one.rows]
            for end in (", 20%", ", 90%")}  # fmt: skip
    mild = max(rows[", 20%"], key=lambda row: row.drop.value, default=None)
    guessed = [drops.above_guessing(row) for row in rows[", 90%"]]
    harsh = min(guessed, key=lambda row: row.drop.value, default=None)
    return [row for row in (mild, harsh) if row is not None]


def _draw(compared: list[Compared]) -> Figure:
    rows = []
    for one in compared:
        for row, series in zip(one.rows, ("weights", "activations"), strict=True):
            rows.append(drop_row(one.label, row, series))
    yes = len(counted(compared, "yes"))
    return interval_rows(
        rows,
        axis="accuracy lost (% of dense)",
        title=f"Published: activations lose less in {yes} of {len(compared)} comparisons",
    )


def _live(evidence: Evidence) -> Half | None:
    runs = evidence.most(experiments)
    found = iter(runs)
    pairs: list[tuple[str, Result, Result]] = []
    for pattern, weights, activations in zip(LIVE_PATTERNS, found, found, strict=True):
        if weights is not None and activations is not None:
            pairs.append((pattern, weights, activations))
    if not pairs:
        return None
    gaps = {pattern: own_runs.dearer(weights, acts) for pattern, weights, acts in pairs}
    verdict, missing = _judged(gaps, runs)
    said = listed(f"{with_interval(gap)} at {pattern}" for pattern, gap in gaps.items())
    title = model_title(evidence.model)
    text = paragraphs(
        f"On {title} pruned weights cost more than pruned activations by {said} nats a token.",
        _on_ties([weights for _, weights, _ in pairs]),
        missing,
    )
    numbers = [own_runs.run_number(run) for _, *runs in pairs for run in runs]
    for pattern, weights, acts in pairs:
        label = f"{pattern}: weights less activations"
        numbers.append(
            own_runs.derived_number(label, gaps[pattern], own_runs.NATS, [weights, acts])
        )
    dots = [
        IntervalRow(pattern, cost.value, cost.low, cost.high, series)
        for pattern, *runs in pairs
        for series, cost in zip(("weights", "activations"), map(own_runs.cost, runs), strict=True)
    ]
    figure = partial(
        interval_rows,
        dots,
        axis="cost of pruning (nats a token)",
        title=f"Live, {title}: the cost of either target",
    )
    return Half(
        verdict, text, LIVE_RULE, tuple(numbers), figure, own_runs.remarks(runs, own_runs.APART)
    )


def _on_ties(weights: Sequence[Result]) -> str:
    """What the rule of ties leaves to tell, where weights tie often."""
    many = {
        run.experiment.pattern: ties for run in weights if (ties := tie_breaks(run)) and ties.many
    }
    drawn = listed(p for p, ties in many.items() if ties.rule == "random")
    by_index = listed(p for p, ties in many.items() if ties.rule == "index")
    said = []
    if drawn:
        said.append(f"Ties between weights are broken at random at {drawn}: means over draws.")
    if by_index:
        said.append(
            f"Ties between weights go to the lower index at {by_index}, which costs more than "
            "random tie-breaks on average, wherever both were measured."
        )
    return " ".join(said)


def _judged(gaps: Mapping[str, Estimate], runs: Sequence[Result | None]) -> tuple[Verdict, str]:
    """The verdict of the patterns that have both runs, and what is said of the missing ones."""
    verdict = verdict_of(map(above, gaps.values()), len(LIVE_PATTERNS) - len(gaps))
    asked = product(LIVE_PATTERNS, ("weights", "activations"))
    named = [f"{target} at {pattern}" for pattern, target in asked]
    missing = [name for name, run in zip(named, runs, strict=True) if run is None]
    return verdict, own_runs.absent(missing, len(runs), verdict)


CLAIM = Claim(
    "targets",
    "Activations or weights",
    "At equal sparsity, does pruning activations keep more than pruning weights?",
    answer,
    Live("Weights and activations at 2:4, 8:16 and 50%, magnitude: 6 runs", experiments),
)
