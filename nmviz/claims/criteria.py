"""Claim 5: are CLACT and Amber-Pruner better than plain magnitude, by two points on average?"""

from collections.abc import Sequence
from functools import partial

from nmviz.base.wording import listed
from nmviz.claims.shared import drops, own_runs
from nmviz.claims.shared.answer import Answer, Claim, Half, Live, Number
from nmviz.claims.shared.budgets import Budget
from nmviz.claims.shared.comparing import Compared
from nmviz.claims.shared.estimate import Estimate, above, verdict_of
from nmviz.claims.shared.evidence import Evidence
from nmviz.claims.shared.gains import Telling, half
from nmviz.claims.shared.phrases import (
    POINTS,
    UNPAIRED,
    derived,
    model_title,
    paragraphs,
    rows_numbers,
    with_interval,
)
from nmviz.core.experiment import Experiment
from nmviz.published import LARGE_MODELS
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.shared.theme import Figure

PLACES = {"2:4": "Table 10", "8:16": "Table 11"}
CRITERIA = {"CLACT": "clact", "Amber-Pruner": "amber"}
PROMISED = 2.0
RULE = (
    "For either criterion at 2:4 and 8:16: the drop of magnitude less that of the criterion, "
    f"averaged over the models, with its 95% interval. Above {PROMISED:g} points in all four "
    f"cases: holds; in some: holds partly; in none, and below it in at least half: does not "
    "hold; else not decidable. Models whose rows the audit marked are left out of the average "
    "that decides. "
    f"{UNPAIRED}"
)
LIVE_RULE = (
    "The cost of magnitude less that of the criterion at 2:4, in nats a token, with a 95% interval "
    "for both at once (Bonferroni): above 0 with the whole interval for both: holds; for one: "
    "holds partly; below 0: does not hold."
)
Case = tuple[str, str]  # criterion, pattern


def answer(evidence: Evidence) -> Answer:
    """From Tables 10 and 11, averaged over the models, and from the small model's runs."""
    each = {
        (criterion, pattern): _of_models(evidence, criterion, pattern)
        for pattern in PLACES
        for criterion in CRITERIA
    }
    each = {case: compared for case, compared in each.items() if compared}
    whole = {case: _mean(compared) for case, compared in each.items()}
    clean = {
        case: _mean([one for one in compared if not one.is_marked])
        for case, compared in each.items()
        if not all(one.is_marked for one in compared)
    }
    deciding = clean or whole
    verdict = verdict_of(above(gain, PROMISED) for gain in deciding.values())
    with_all = verdict_of(above(gain, PROMISED) for gain in whole.values())
    rows = [row for compared in each.values() for one in compared for row in one.rows]
    text = paragraphs(
        _averages(whole, "Averaged over all models"),
        _without(each, clean, whole, with_all == verdict, with_all),
        _of_llama(each),
    )
    numbers = [*rows_numbers(rows), *_numbers(each, whole, clean)]
    main = Half(verdict, text, RULE, tuple(numbers), partial(_draw, each))
    return Answer(main, _live(evidence))


def _of_models(evidence: Evidence, criterion: str, pattern: str) -> list[Compared]:
    compared = []
    for model in LARGE_MODELS:
        pair = [
            drops.row(evidence, PLACES[pattern], model, pattern, one) for one in ("ACT", criterion)
        ]
        if pair[0] is not None and pair[1] is not None:
            gain = drops.difference(pair[0], pair[1])
            compared.append(Compared(model_title(model), gain, above(gain), (pair[0], pair[1])))
    return compared


def _mean(compared: Sequence[Compared]) -> Estimate:
    return drops.mean([one.estimate for one in compared])


def _averages(gains: dict[Case, Estimate], start: str) -> str:
    said = listed(
        f"{with_interval(gain)} points by {criterion} at {pattern}"
        for (criterion, pattern), gain in gains.items()
    )
    return f"{start}, the drop shrinks by {said}." if said else "No table has these criteria."


def _without(
    each: dict[Case, list[Compared]],
    clean: dict[Case, Estimate],
    whole: dict[Case, Estimate],
    same: bool,
    verdict: str,
) -> str:
    marked = [one.label for compared in each.values() for one in compared if one.is_marked]
    if not marked or not clean:
        return (
            "Every model's rows are marked by the audit; nothing is left to decide by without them."
            if marked
            else ""
        )
    how = "is the same" if same else "would be another"
    left = {one.label for compared in each.values() for one in compared if not one.is_marked}
    names = listed(sorted(left))
    return paragraphs(
        _averages(clean, f"Over {names} alone, whose rows the audit did not mark"),
        f"With the marked ones the verdict {how}: {verdict}.",
    )


def _of_llama(each: dict[Case, list[Compared]]) -> str:
    said = [f"{with_interval(one.estimate)} by {name}" for name, one in _llama(each).items()]
    if not said:
        return ""
    return f"On Llama 3.1 8B at 2:4 alone: {listed(said)} (below 0: magnitude is better)."


def _llama(each: dict[Case, list[Compared]]) -> dict[str, Compared]:
    """The comparisons at 2:4 on the model that the paper names."""
    return {
        criterion: one
        for (criterion, pattern), compared in each.items()
        for one in compared
        if pattern == "2:4" and one.rows[0].sparse.experiment.model == "llama3.1-8b"
    }


def _numbers(
    each: dict[Case, list[Compared]], whole: dict[Case, Estimate], clean: dict[Case, Estimate]
) -> list[Number]:
    numbers = []
    for case, compared in each.items():
        label = f"{case[0]} at {case[1]}: magnitude less criterion"
        rows = [one.rows[1] for one in compared]
        numbers.append(derived(f"{label}, all models", whole[case], POINTS, rows, drops.HOW))
        left = [one.rows[1] for one in compared if not one.is_marked]
        if case in clean and len(left) < len(rows):
            name = f"{label}, unmarked models"
            numbers.append(derived(name, clean[case], POINTS, left, drops.HOW))
    for criterion, one in _llama(each).items():
        name = f"{one.label}, {criterion} at 2:4: magnitude less criterion"
        numbers.append(derived(name, one.estimate, POINTS, one.rows, drops.HOW))
    return numbers


def _draw(each: dict[Case, list[Compared]]) -> Figure:
    rows = []
    for (criterion, pattern), compared in each.items():
        for one in compared:
            estimate, label = one.estimate, f"{one.label}, {pattern}"
            rows.append(
                IntervalRow(
                    label, estimate.value, estimate.low, estimate.high, criterion, one.is_marked
                )
            )
    better = sum(one.sign == "yes" for compared in each.values() for one in compared)
    return interval_rows(
        rows,
        axis="points of drop saved against magnitude",
        title=f"Published: better than magnitude in {better} of {len(rows)} cases",
        lines={"as magnitude": 0.0, "promised": PROMISED},
    )


def experiments(model: str, budget: Budget) -> tuple[Experiment, ...]:
    """Magnitude first, then CLACT and Amber-Pruner, at 2:4."""
    return tuple(
        own_runs.experiment(model, "2:4", budget, criterion=name)
        for name in ("magnitude", *CRITERIA.values())
    )


LIVE = Telling(
    plain="2:4 by magnitude",
    saved="saved",
    axis="saved against magnitude",
    title="what either criterion saves",
    line="as magnitude",
    rule=LIVE_RULE,
    end=" (below 0: magnitude is better)",
)


def _live(evidence: Evidence) -> Half | None:
    plain, *others = evidence.most(experiments)
    return half(plain, dict(zip(CRITERIA, others, strict=True)), LIVE)


CLAIM = Claim(
    "criteria",
    "CLACT and Amber",
    "Are CLACT and Amber-Pruner better than magnitude, by two points on average?",
    answer,
    Live("Magnitude, CLACT and Amber-Pruner at 2:4: 3 runs", experiments),
)
