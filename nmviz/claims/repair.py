"""Claim 4: do lightweight mitigations repair pruned activations, and does it matter which?"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from math import comb

from nmviz.base.wording import listed
from nmviz.claims.shared import drops, own_runs
from nmviz.claims.shared.answer import Answer, Claim, Half, Live, Number
from nmviz.claims.shared.budgets import Budget
from nmviz.claims.shared.comparing import Compared, counted, judge
from nmviz.claims.shared.drops import Row
from nmviz.claims.shared.equal_budget import UNCOUNTED, at_equal_budget_too
from nmviz.claims.shared.estimate import Estimate, above, for_many
from nmviz.claims.shared.evidence import PAPER, Evidence
from nmviz.claims.shared.gains import Telling, half
from nmviz.claims.shared.phrases import (
    POINTS,
    UNPAIRED,
    derived,
    model_title,
    paragraphs,
    place_of,
    rows_numbers,
    with_interval,
)
from nmviz.core.comparing.pins import pin_of
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.published import FOUR_MODELS, LARGE_MODELS
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.shared.theme import Figure

PLACES = {"2:4": "Table 10", "8:16": "Table 11"}
METHODS = ("VAR", "D-PTS", "S-PTS", "L-PTS", "R-Sparse (64)", "R-Sparse (128)")
PLAIN = "ACT"
DROP = "average_drop"
NAMES = {"var": "VAR", "d-pts": "D-PTS", "s-pts": "S-PTS", "r-sparse": "R-Sparse"}
WIDENED = "as above, widened for all that are compared (Bonferroni)"
RULE = (
    "For every mitigation, model and pattern: the drop of plain activation pruning less that with "
    "the mitigation, with a 95% interval for all comparisons at once (Bonferroni: of 48, two would "
    "miss theirs by chance). Above 0 everywhere: holds; somewhere: holds partly; nowhere, and "
    "below 0 in at least half: does not hold; else not decidable. Two mitigations differ by more "
    "than the noise where the widest gap of a model and pattern stays above 0, widened for all its "
    "pairs. Where a table has two rows of a method, the first is compared; averages take the lower "
    "drop, which favours the method. "
    f"{UNPAIRED}"
)
LIVE_RULE = (
    "The cost of plain 2:4 less that with the mitigation, in nats a token, with a 95% interval for "
    "all comparisons at once (Bonferroni): above 0 with the whole interval for each: holds; for "
    "some: holds partly."
)


def answer(evidence: Evidence) -> Answer:
    """From Tables 10 and 11, with what Table 2 says of the averages, and from the small model."""
    compared: list[Compared] = []
    columns: list[list[Row]] = []
    numbers: list[Number] = []
    for pattern, place in PLACES.items():
        for model in LARGE_MODELS:
            plain = drops.row(evidence, place, model, pattern, PLAIN)
            rows = _rows(evidence, place, model, pattern)
            if plain is None or not rows:
                continue
            numbers += rows_numbers([plain, *rows])
            for row in rows:
                gain = drops.difference(plain, row)
                label = f"{model_title(model)}, {row.label}"
                compared.append(Compared(label, gain, "open", (plain, row)))
            columns.append(rows)
    compared = [_widened(one, len(compared)) for one in compared]
    judged = judge(compared)
    averages = _averages(evidence)
    gaps = _gaps(columns, marked=False)
    spread = _spread(gaps, _gaps(columns, marked=True))
    text = paragraphs(_text(compared), judged.sentence, spread, _headline(averages), UNCOUNTED)
    for gap in gaps:
        names = " less ".join(row.label for row in gap.rows)
        numbers.append(derived(f"{gap.label}: {names}", gap.estimate, POINTS, gap.rows, WIDENED))
    for best in _best_of_llama(compared):
        label = f"{best.label}: won back"
        numbers.append(derived(label, best.estimate, POINTS, best.rows, WIDENED))
    numbers += averages
    figure = partial(_draw, compared)
    return Answer(Half(judged.verdict, text, RULE, tuple(numbers), figure), _live(evidence))


def _rows(evidence: Evidence, place: str, model: str, pattern: str) -> list[Row]:
    rows = [drops.row(evidence, place, model, pattern, method) for method in METHODS]
    return [row for row in rows if row is not None]


def _widened(one: Compared, count: int) -> Compared:
    """A comparison whose interval allows for all of them, with what it says then."""
    estimate = for_many(one.estimate, count)
    return Compared(one.label, estimate, above(estimate), one.rows)


def _gaps(columns: Sequence[Sequence[Row]], marked: bool) -> list[Compared]:
    """The widest gap between two mitigations a column; with or without marked rows."""
    chosen = [[row for row in rows if marked or not row.suspect] for rows in columns]
    return [_widest(rows) for rows in chosen if len(rows) > 1]


def _widest(rows: Sequence[Row]) -> Compared:
    """The worst against the best mitigation, its interval widened for the choice among pairs."""
    made = rows[0].sparse.experiment
    label = f"{model_title(made.model)}, {made.pattern}"
    worst = max(rows, key=lambda row: row.drop.value)
    best = min(rows, key=lambda row: row.drop.value)
    gap = drops.difference(worst, best)
    gap = for_many(gap, comb(len(rows), 2))
    return Compared(label, gap, above(gap), (worst, best))


def _text(compared: list[Compared]) -> str:
    if not compared:
        return "No table has a mitigation beside plain pruning."
    yes, no, unsure = (counted(compared, sign) for sign in ("yes", "no", "open"))
    clean = [one for one in compared if not one.is_marked]
    said = [
        f"Of {len(compared)} comparisons with plain activation pruning, mitigations lose less in "
        f"{len(yes)}, more in {len(no)}, and {len(unsure)} cannot be told."
    ]
    if clean and len(clean) < len(compared):
        counts = [len(counted(clean, sign)) for sign in ("yes", "no", "open")]
        said.append(
            f"Of the {len(clean)} that use no marked row: {counts[0]} less, {counts[1]} more, "
            f"{counts[2]} not to be told."
        )
    for best in _best_of_llama(compared):
        said.append(
            f"On Llama 3.1 8B the most that any of them gains is {with_interval(best.estimate)} "
            f"points ({best.rows[1].label})."
        )
    return paragraphs(" ".join(said[:2]), *said[2:])


def _best_of_llama(compared: list[Compared]) -> list[Compared]:
    """The largest gain on the one model whose columns are not mixed, where a row is unmarked."""
    llama = [one for one in compared if _model(one) == "llama3.1-8b" and not one.is_marked]
    return [max(llama, key=lambda one: one.estimate.value)] if llama else []


def _spread(gaps: list[Compared], with_marked: list[Compared]) -> str:
    if not gaps:
        return ""
    clear = len(counted(gaps, "yes"))
    said = [
        f"Best and worst mitigation differ by more than the noise in {clear} of {len(gaps)} "
        f"columns of model and pattern; with the marked rows in {len(counted(with_marked, 'yes'))} "
        f"of {len(with_marked)}."
    ]
    said += [
        f"{gap.label}: {with_interval(gap.estimate)} points between {gap.rows[0].label} and "
        f"{gap.rows[1].label}."
        for gap in gaps
        if gap.rows[0].sparse.experiment.model == "llama3.1-8b"
    ]
    return " ".join(said)


def _averages(evidence: Evidence) -> list[Number]:
    """Table 2's averages at 2:4, and the same from the drops that Table 10 prints."""
    numbers = []
    for method in METHODS:
        printed = evidence.row("Table 2", FOUR_MODELS, "2:4", method)
        rows = [_lowest(evidence.rows("Table 10", model, "2:4", method)) for model in LARGE_MODELS]
        ours = [row for row in rows if row is not None]
        if printed is None or len(ours) < len(rows) or not (told := _printed(printed)):
            continue
        mean = (sum(map(_printed, ours), Decimal(0)) / len(ours)).quantize(
            Decimal("0.01"), ROUND_HALF_UP
        )
        numbers += [
            _average(evidence, f"{method}, 2:4: average as printed", told, [printed]),
            _average(evidence, f"{method}, 2:4: average of Table 10's drops", mean, ours),
        ]
    return numbers


def _average(evidence: Evidence, label: str, value: Decimal, rows: Sequence[Result]) -> Number:
    """An average over models; in doubt where a drop it is made of is."""
    found = (f.id for row in rows for f in evidence.findings_of(row, DROP))
    return Number(
        label=label,
        written=str(value).replace("-", "\N{MINUS SIGN}"),
        estimate=Estimate(float(value)),
        unit="% of the dense accuracy",
        source=PAPER,
        place="Table 2" if len(rows) == 1 else f"mean of {listed(map(place_of, rows))}",
        how="none: an average as the paper prints it, over four models of one run each",
        findings=tuple(dict.fromkeys(found)),
        pins=tuple(map(pin_of, rows)),
    )


def _lowest(rows: Sequence[Result]) -> Result | None:
    """Of several rows of a method the most favourable, by the drop as printed."""
    return min((row for row in rows if row.get(DROP)), key=_printed, default=None)


def _printed(row: Result) -> Decimal:
    """The drop as printed, to the last digit."""
    told = row.get(DROP)
    return Decimal(told.printed or told.value) if told else Decimal(0)


def _headline(averages: Sequence[Number]) -> str:
    """Whether Table 2's best average at 2:4 is the best by Table 10 too."""
    if not averages:
        return ""
    printed, ours = averages[0::2], averages[1::2]
    best = min(range(len(printed)), key=lambda i: printed[i].estimate.value)
    better = min(range(len(ours)), key=lambda i: ours[i].estimate.value)
    name = printed[best].label.partition(",")[0]
    said = (
        f"Table 2's lowest average at 2:4 is {printed[best].written}% ({name}); from the drops "
        f"that Table 10 prints it would be {ours[best].written}%"
    )
    if best == better:
        return f"{said}, still the lowest."
    other = ours[better].label.partition(",")[0]
    return f"{said}, and {other} would be lowest with {ours[better].written}%."


def _draw(compared: list[Compared]) -> Figure:
    rows = []
    ordered = sorted(compared, key=lambda o: list(LARGE_MODELS).index(_model(o)))
    for one in ordered:
        method, _, pattern = one.rows[1].label.rpartition(", ")
        estimate, label = one.estimate, f"{model_title(_model(one))}, {method}"
        rows.append(
            IntervalRow(label, estimate.value, estimate.low, estimate.high, pattern, one.is_marked)
        )
    yes = len(counted(compared, "yes"))
    return interval_rows(
        rows,
        axis="points of drop won back (right of 0: repaired)",
        title=f"Published: a mitigation wins accuracy back in {yes} of {len(compared)} comparisons",
        lines={"as plain": 0.0},
    )


def _model(one: Compared) -> str:
    return one.rows[0].sparse.experiment.model


def experiments(model: str, budget: Budget) -> tuple[Experiment, ...]:
    """Plain 2:4 first, then repaired by each mitigation that needs no training."""
    return tuple(
        own_runs.experiment(model, "2:4", budget, mitigations=repair)
        for repair in ((), *((name,) for name in NAMES))
    )


LIVE = Telling(
    plain="2:4",
    saved="won back",
    axis="won back (right of 0: repaired)",
    title="what each mitigation wins back",
    line="as plain",
    rule=LIVE_RULE,
    remarks=("S-PTS and R-Sparse as their own papers have them, not as this one's code does.",),
)


def _live(evidence: Evidence) -> Half | None:
    plain, *others = evidence.most(experiments)
    told = half(plain, dict(zip(NAMES.values(), others, strict=True)), LIVE)
    return told and at_equal_budget_too(told, evidence, others)


CLAIM = Claim(
    "repair",
    "Mitigations",
    "Do lightweight mitigations repair pruned activations, by more than the noise?",
    answer,
    Live("2:4 alone and with VAR, D-PTS, S-PTS and R-Sparse: 5 runs", experiments),
)
