"""Claim 11: is a pruned model worth more than a smaller dense one of equal memory?"""

from collections.abc import Sequence
from functools import partial

from nmviz.base.wording import listed
from nmviz.claims.shared import drops
from nmviz.claims.shared.answer import Answer, Claim, Half, Live, Number
from nmviz.claims.shared.comparing import Compared, judge
from nmviz.claims.shared.digits import plain
from nmviz.claims.shared.drops import Row
from nmviz.claims.shared.estimate import Estimate, above, normal
from nmviz.claims.shared.evidence import Evidence
from nmviz.claims.shared.phrases import (
    PERCENT,
    POINTS,
    UNPAIRED,
    derived,
    drop_row,
    model_title,
    paragraphs,
    rows_numbers,
    with_interval,
)
from nmviz.hardware.facts import shipped
from nmviz.hardware.memory import share_held
from nmviz.hardware.pruning import Pruning
from nmviz.published import LARGE_MODELS
from nmviz.published.baselines import Baseline
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.shared.theme import Figure

PLACES = {"2:4": "Table 10", "8:16": "Table 11"}
HOW = "binomial, from the sizes of the tasks and the rounding of the printed accuracies; unpaired"
SMALLER, FOUR_BITS = "smaller dense", "4-bit weights"
RULE = (
    "The paper on weights at 8:16 (arXiv:2507.03052, ACL 2026 industry track) calls a pruned model "
    "worthwhile where it is at least as accurate as a smaller dense one of equal memory. Here: of "
    "every model and pattern whose family has a smaller dense model that needs no more memory, the "
    "drop of the best of these less that of the pruned weights. Above 0 with its whole 95% "
    "interval everywhere: holds; somewhere: holds partly; nowhere, and below 0 in at least half: "
    "does not hold. Each drop is against the dense model of its own source. 4-bit weights are "
    f"shown and do not decide: they are another way to the same memory. {UNPAIRED}"
)
REMARKS = (
    "The pruned rows are of weights by magnitude, all that the tables have; that paper reports "
    "better with its own methods, in tables that could not be read.",
    "The smaller model's drop is of base models and with 5 examples on WinoGrande, that of the "
    "pruned rows of Instruct models and with none.",
    "Pruning activations saves no memory, so it is not asked here.",
)


def answer(evidence: Evidence) -> Answer:
    """From Tables 10 and 11 and the published accuracies of smaller and 4-bit models."""
    rows = [row for model in LARGE_MODELS for row in _rows(evidence, model)]
    compared = [one for row in rows if (one := _compared(evidence, row)) is not None]
    judged = judge(compared)
    beside = [one for one in evidence.baselines if one.kind == FOUR_BITS]
    text = paragraphs(
        _against_smaller(evidence, compared),
        judged.sentence,
        _four_bits(rows, beside),
        _unknown(rows, compared),
    )
    numbers = [
        *rows_numbers(rows),
        *(_number(one) for one in evidence.baselines),
        *(derived(one.label, one.estimate, POINTS, one.rows, HOW) for one in compared),
        *(_memory_number(row) for row in rows),
    ]
    verdict = judged.verdict if compared else "not decidable here"
    figure = partial(_draw, rows, evidence.baselines)
    return Answer(Half(verdict, text, RULE, tuple(numbers), figure, REMARKS))


def _rows(evidence: Evidence, model: str) -> list[Row]:
    """Pruned weights of a model at the patterns that tables have."""
    found = (drops.row(evidence, place, model, name, "WT") for name, place in PLACES.items())
    return [row for row in found if row is not None]


def _memory(row: Row) -> float:
    """Of its weights, in % of dense at 16 bits, with an index for every kept entry."""
    made = row.sparse.experiment
    decoder = shipped()[made.model]
    return share_held(decoder, Pruning.of("weight", made.mask, sites=made.sites), of=decoder)


def _rival(evidence: Evidence, row: Row) -> Baseline | None:
    """The smaller dense model that loses least, of those that need no more memory."""
    fit = [
        one
        for one in evidence.baselines
        if one.kind == SMALLER
        and one.model == row.sparse.experiment.model
        and one.memory <= _memory(row)
    ]
    return min(fit, key=lambda one: one.drop, default=None)


def _compared(evidence: Evidence, row: Row) -> Compared | None:
    rival = _rival(evidence, row)
    if rival is None:
        return None
    gap = _gap(_estimate(rival), row.drop)
    made = row.sparse.experiment
    label = f"{model_title(made.model)}, weights {made.pattern}: {rival.title} less pruned"
    return Compared(label, gap, above(gap), (row,))


def _estimate(one: Baseline) -> Estimate:
    return normal(one.drop, one.error**2)


def _gap(one: Estimate, other: Estimate) -> Estimate:
    """Of two drops from different sources, so independent."""
    reach = sum(((e.high or 0) - (e.low or 0)) ** 2 for e in (one, other)) ** 0.5 / 2
    value = one.value - other.value
    return Estimate(value, value - reach, value + reach)


def _against_smaller(evidence: Evidence, compared: Sequence[Compared]) -> str:
    if not compared:
        return "No smaller dense model of a family is quoted on the four tasks."
    said = []
    for one in compared:
        (row,) = one.rows
        made, rival = row.sparse.experiment, _rival(evidence, row)
        assert rival is not None, "compared with it"
        said.append(
            f"weights {made.pattern} of {model_title(made.model)} lose "
            f"{with_interval(row.drop, unit='%')} at {_memory(row):.0f}% of the memory, where "
            f"{rival.title}, dense, loses {with_interval(_estimate(rival), unit='%')} at "
            f"{rival.memory:.0f}%"
        )
    first, *others = said
    return f"{first[0].upper()}{'; '.join([first[1:], *others])}."


def _four_bits(rows: Sequence[Row], beside: Sequence[Baseline]) -> str:
    """What the same weights lose in 4 bits, beside the pattern of pruned ones that loses least."""
    said = []
    for one in beside:
        own = [row for row in rows if row.sparse.experiment.model == one.model]
        best = min(own, key=lambda row: row.drop.value, default=None)
        if best is not None:
            said.append(
                f"{model_title(one.model)} {with_interval(_estimate(one), unit='%')} at "
                f"{one.memory:.0f}% (pruned at {best.sparse.experiment.pattern}: "
                f"{with_interval(best.drop, unit='%')} at {_memory(best):.0f}%)"
            )
    return f"In 4 bits instead of pruned the weights lose, of {listed(said)}." if said else ""


def _unknown(rows: Sequence[Row], compared: Sequence[Compared]) -> str:
    known = {one.rows[0].sparse.experiment.model for one in compared}
    models = dict.fromkeys(row.sparse.experiment.model for row in rows)
    left = [model_title(model) for model in models if model not in known]
    return f"Of {listed(left)} no smaller dense model is quoted on the four tasks." if left else ""


def _number(one: Baseline) -> Number:
    return Number(
        label=f"{model_title(one.model)}: {one.title}, {one.memory:.1f}% of the memory",
        written=plain(one.drop, 2),
        estimate=_estimate(one),
        unit=PERCENT,
        source=one.citation,
        place=f"{one.place}: {one.protocol}",
        how=HOW,
    )


def _memory_number(row: Row) -> Number:
    made = row.sparse.experiment
    share = _memory(row)
    return Number(
        label=f"{model_title(made.model)}, weights {made.pattern}: memory",
        written=plain(share, 1),
        estimate=Estimate(share),
        unit="% of dense at 16 bits",
        source="computed",
        place="",
        how="exact, with an index for every kept entry",
    )


def _draw(rows: Sequence[Row], baselines: Sequence[Baseline]) -> Figure:
    """Model by model; labels are short enough for a small screen, with the memory in brackets."""
    dots: list[tuple[str, IntervalRow]] = []
    for row in rows:
        made = row.sparse.experiment
        label = f"{model_title(made.model)}, {made.pattern} ({_memory(row):.0f}%)"
        dots.append((made.model, drop_row(label, row, "pruned weights")))
    for one in baselines:
        name = one.title if one.kind == SMALLER else f"{model_title(one.model)}, 4 bits"
        drop, label = _estimate(one), f"{name} ({one.memory:.0f}%)"
        dots.append((one.model, IntervalRow(label, drop.value, drop.low, drop.high, one.kind)))
    models = list(dict.fromkeys(model for model, _ in dots))
    worst = max((row.drop.value for row in rows), default=0.0)
    best = min((one.drop for one in baselines), default=0.0)
    return interval_rows(
        [dot for _, dot in sorted(dots, key=lambda each: models.index(each[0]))],
        axis="accuracy lost (% of dense)",
        title=f"Published: pruned weights lose up to {plain(worst, 0)}%, other ways to less memory "
        f"from {plain(best, 0)}%; in brackets the memory, in % of dense",
    )


CLAIM = Claim(
    "memory",
    "Equal memory",
    "Is a pruned model worth more than a smaller dense one of equal memory?",
    answer,
    Live(
        "Nothing to run: no pinned model has a smaller one of its family, and the two read other "
        "tokens."
    ),
)
