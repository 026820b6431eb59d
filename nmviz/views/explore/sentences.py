"""Sentences about results, computed from their numbers and true for all of them."""

from collections.abc import Mapping
from math import isfinite

from nmviz.base.wording import listed
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import cost_difference, judge, larger_floor
from nmviz.core.results import Column, Measurement, Result
from nmviz.core.rules import in_words
from nmviz.core.settings import TARGETS, Target
from nmviz.core.ties import TieBreaks, tie_breaks
from nmviz.views.shared.numbers import (
    interval,
    perplexity,
    share,
    significant,
    units,
    with_error,
)
from nmviz.views.shared.theme import NAMES

UNIT = "nats a token"
FIRST_DRAW = "Ties are broken at random, as in the first draw of a run."


def headline(results: Mapping[Column, Result]) -> str:
    """What the page says first: what pruning costs on each side, and which side keeps more."""
    pruned: dict[Target, Result] = {
        target: results[target]
        for target in reversed(TARGETS)
        if target in results and not results[target].experiment.mask.is_dense
    }
    costs = _measured(pruned, "delta_nll")
    if not costs:
        return _levels(pruned) or "Nothing is measured here yet."
    sentences = [_costs(pruned, costs), _verdict(pruned, costs), _tied(pruned), _missing(costs)]
    sentences.append(_partial(pruned))
    return " ".join(sentence for sentence in sentences if sentence)


def how_and_where(experiment: Experiment) -> str:
    """`magnitude + d-pts + var, only q and k in blocks 0-3`: what the pattern does not say."""
    said = " + ".join((experiment.rule, *experiment.mitigations))
    said = ", ".join((said, *in_words(experiment.ties, experiment.dropping)))
    if experiment.lists_sites:
        groups = [
            listed(names) + (f" in blocks {blocks}" if blocks else "")
            for names, blocks in experiment.sites.groups
        ]
        return f"{said}, only {'; '.join(groups)}"
    where = [listed(experiment.projections)] if experiment.projections else []
    where += [f"blocks {experiment.blocks}"] if experiment.blocks else []
    return f"{said}, only {' in '.join(where)}" if where else said


def tie_note(result: Result) -> str | None:
    """How much of a mask a tie decided, by which rule, and what other tie-breaks give; None where
    that is below 1% and ties went to the lower index."""
    ties, counted = tie_breaks(result), result.get("tie_share")
    if ties is None or ties.share is None or not (ties.many or ties.rule == "random"):
        return None
    what = units(counted.unit_of_n if counted else None) or "groups"
    note = f"A tie decided {share(ties.share)} of the {what}"
    if ties.rule == "random":
        return f"{note}: {_drawn(ties)}"
    note += ", for the lower index"
    low, high = result.get("perplexity_ties_low"), result.get("perplexity_ties_high")
    if low is None or high is None:
        return f"{note}: other tie-breaks would give other numbers."
    tried = f" ({low.n} tried)" if low.n else ""
    reach = f"{perplexity(low.value)} to {perplexity(high.value)}"
    return f"{note}: at random, ties give a perplexity of {reach}{tried}."


def _drawn(ties: TieBreaks) -> str:
    if ties.draws == 1:
        return "they were broken at random, in one draw."
    apart = "" if ties.spread is None else f", between which the cost spreads by {ties.spread:.2g}"
    return (
        f"means over {ties.draws} random tie-breaks{apart}; layers, masks and texts are those of "
        "the first."
    )


def training_of(result: Result) -> str | None:
    """What training did, of a result; None where nothing was learned."""
    return training_note({m.metric: m.value for m in result.measurements})


def training_note(figures: Mapping[str, float]) -> str | None:
    """The blocks' error on held-out text before and after training; None where nothing learned."""
    before, after = (figures.get(f"heldout_loss_{when}") for when in ("before", "after"))
    if before is None or after is None:
        return None
    digits = 2
    low, high = sorted((before, after))
    while digits < 5 and low < high and significant(low, digits) == significant(high, digits):
        digits += 1
    numbers = f"{significant(before, digits)} before, {significant(after, digits)} after"
    if not after < before:
        return f"Training did not lower the error of the blocks on held-out text: {numbers}."
    return f"Training lowered the error of the blocks on held-out text: {numbers}."


def _measured(results: Mapping[Target, Result], metric: str) -> dict[Target, Measurement]:
    found = {target: result.get(metric) for target, result in results.items()}
    return {target: one for target, one in found.items() if one is not None}


def _costs(pruned: Mapping[Target, Result], costs: Mapping[Target, Measurement]) -> str:
    patterns = {pruned[target].experiment.pattern for target in costs}
    same = patterns.pop() if len(patterns) == 1 else None
    parts: list[str] = []
    verb = ""
    for target, cost in costs.items():
        at = "" if same else f" at {pruned[target].experiment.pattern}"
        before, (verb, number) = verb, _cost(cost, unit="" if parts else f" {UNIT}")
        said = number if same and verb == before == "costs" else f"{verb} {number}"
        parts.append(f"pruning {NAMES[target]}{at} {said}")
    text = ", ".join(parts)
    return f"At {same}, {text}." if same else f"{text[0].upper()}{text[1:]}."


def _cost(cost: Measurement, unit: str) -> tuple[str, str]:
    """Verb and number: `costs`, `0.82 ± 0.03 nats a token`."""
    number = with_error(cost.value, cost.stderr)
    if not isfinite(cost.value):
        return "has a cost that is", number
    reach = interval(cost)
    if reach is not None and reach[0] <= 0 <= reach[1]:
        return "costs nothing that stands out of the noise", f"({number}{unit})"
    if cost.value < 0:
        return "gains", f"{with_error(-cost.value, cost.stderr)}{unit}"
    return "costs", f"{number}{unit}"


def _verdict(pruned: Mapping[Target, Result], costs: Mapping[Target, Measurement]) -> str:
    if len(costs) < 2 or not all(isfinite(cost.value) for cost in costs.values()):
        return ""
    best, other = sorted(costs, key=lambda target: costs[target].value)
    apart = cost_difference(pruned[other], pruned[best])
    verdict = judge(pruned[other], pruned[best])
    if apart is None or verdict == "no interval":
        return "Without an interval for both, the difference may be noise."
    number = with_error(apart.value, apart.stderr)
    if verdict == "below the noise floor":
        floor = significant(larger_floor(pruned[other], pruned[best]))
        return f"The difference between the two, {number}, is below what rounding does, {floor}."
    if verdict == "not told apart":
        return f"The difference between the two, {number}, is within the noise."
    return f"{NAMES[best].capitalize()} keep more of the model, by {number}."


def _tied(pruned: Mapping[Target, Result]) -> str:
    """What hangs on ties between weights, where that is much."""
    ties = tie_breaks(pruned["weight"]) if "weight" in pruned else None
    if ties is None or not ties.many or ties.share is None:
        return ""
    if ties.rule == "index":
        return f"A tie decided {share(ties.share)} of the weights' groups, for the lower index."
    spread = "" if ties.spread is None else f", which differ by {ties.spread:.2g}"
    return f"The cost of pruning weights is the mean over {ties.draws} random tie-breaks{spread}."


def _missing(measured: Mapping[Target, object]) -> str:
    absent = [NAMES[target] for target in TARGETS if target not in measured]
    return f"Pruned {absent[0]} are not measured yet." if len(absent) == 1 else ""


def _partial(pruned: Mapping[Target, Result]) -> str:
    partial = [target for target, result in pruned.items() if result.partial]
    if not partial:
        return ""
    which = "" if len(partial) == len(pruned) else f" for {NAMES[partial[0]]}"
    return f"Partial{which}: measured on part of the text so far."


def _levels(pruned: Mapping[Target, Result]) -> str:
    """Where only perplexities are known, as in most papers."""
    levels = _measured(pruned, "perplexity")
    if not levels:
        return ""
    parts = [
        f"{one.printed or perplexity(one.value)} with {NAMES[target]} pruned"
        f" at {pruned[target].experiment.pattern}"
        for target, one in levels.items()
    ]
    return f"Perplexity is {', '.join(parts)}. " + (_missing(levels) or "No interval is known.")
