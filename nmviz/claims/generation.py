"""Claim 8: does writing text lose more than choosing among answers?"""

from functools import partial

from nmviz.base.wording import listed
from nmviz.claims.shared import drops
from nmviz.claims.shared.answer import Answer, Claim, Half, Live, Number
from nmviz.claims.shared.comparing import Compared, counted, judge
from nmviz.claims.shared.digits import plain
from nmviz.claims.shared.estimate import Estimate, above, every
from nmviz.claims.shared.evidence import Evidence
from nmviz.claims.shared.phrases import (
    POINTS,
    derived,
    drop_row,
    model_title,
    paragraphs,
    rows_numbers,
    with_interval,
)
from nmviz.views.claims.dot_rows import interval_rows
from nmviz.views.shared.theme import Figure

PLACES = {"2:4": "Table 10", "8:16": "Table 11"}
MODELS = ("llama3.1-8b", "qwen2.5-7b")
METHODS = {
    "VAR": ("VAR",),
    "D-PTS": ("D-PTS",),
    "S-PTS": ("S-PTS",),
    "R-Sparse": ("R-Sparse (64)", "R-Sparse (128)"),
}
"""As Table 3 names them, and as Tables 10 and 11 do; it does not say which rank it has."""
SERIES = ("writing (IFEval)", "choosing (4 tasks)", "choosing, above guessing")
RULE = (
    "For every method, model and pattern of Table 3: the share of IFEval (prompt-level strict) "
    "that is lost, less the share of accuracy lost on the four multiple-choice tasks, with its 95% "
    "interval (541 prompts); and the same with accuracy counted from what guessing gets right, "
    "since accuracy ends there and IFEval at nothing. Both above 0 in every comparison: holds; in "
    "some: holds partly. Where the rank of R-Sparse is not printed, the one that loses more in "
    "multiple choice is taken."
)


def answer(evidence: Evidence) -> Answer:
    """From Table 3 against Tables 10 and 11."""
    compared = [
        one
        for model in MODELS
        for pattern in PLACES
        for method in METHODS
        if (one := _compare(evidence, model, pattern, method)) is not None
    ]
    judged = judge(compared)
    numbers: list[Number] = rows_numbers(row for one in compared for row in one.rows)
    for one in compared:
        label = f"{one.label}: writing less choosing, above guessing"
        numbers.append(derived(label, one.estimate, POINTS, one.rows, drops.HOW))
    text = paragraphs(_text(compared), judged.sentence)
    figure = partial(_draw, compared)
    return Answer(Half(judged.verdict, text, RULE, tuple(numbers), figure))


def _compare(evidence: Evidence, model: str, pattern: str, method: str) -> Compared | None:
    writing = drops.row(
        evidence, "Table 3", model, pattern, method, tasks=("ifeval",), metric="prompt_strict"
    )
    rows = [drops.row(evidence, PLACES[pattern], model, pattern, one) for one in METHODS[method]]
    known = [row for row in rows if row is not None]
    if writing is None or not known:
        return None
    choosing = max(known, key=lambda row: row.drop.value)
    guessed = drops.above_guessing(choosing)
    gaps = [_less(writing.drop, row.drop) for row in (choosing, guessed)]
    label = f"{model_title(model)}, {method}, {pattern}"
    sign = every(above(gap) for gap in gaps)
    return Compared(label, gaps[1], sign, (writing, choosing, guessed))


def _less(one: Estimate, other: Estimate) -> Estimate:
    """The difference of two independent estimates."""
    arms = [(each.high or 0.0) - each.value for each in (one, other)]
    reach = (arms[0] ** 2 + arms[1] ** 2) ** 0.5
    value = one.value - other.value
    return Estimate(value, value - reach, value + reach)


def _text(compared: list[Compared]) -> str:
    if not compared:
        return "Table 3 is not in the store."
    yes = counted(compared, "yes")
    said = [f"Writing loses more than choosing in {len(yes)} of {len(compared)} comparisons."]
    for model in MODELS:
        for pattern in PLACES:
            some = [
                one
                for one in compared
                if (e := one.rows[0].sparse.experiment).model == model and e.pattern == pattern
            ]
            if not some:
                continue
            spans = [_span([one.rows[i].drop.value for one in some]) for i in range(3)]
            said.append(
                f"{model_title(model)}, {pattern}: {spans[0]}% of IFEval lost against {spans[1]}% "
                f"of accuracy, {spans[2]}% of what is above guessing."
            )
    if yes:
        least = min(yes, key=lambda one: one.estimate.value)
        said.append(
            f"The smallest clear gap, above guessing, is {with_interval(least.estimate)} points "
            f"({least.label})."
        )
    rest = [one.label for one in compared if one.sign != "yes"]
    if rest:
        said.append(f"Not clear: {listed(rest)}.")
    return paragraphs(*said)


def _span(values: list[float]) -> str:
    return f"{plain(min(values), 1)} to {plain(max(values), 1)}"


def _draw(compared: list[Compared]) -> Figure:
    rows = []
    for one in compared:
        for row, series in zip(one.rows, SERIES, strict=True):
            rows.append(drop_row(one.label, row, series))
    yes = len(counted(compared, "yes"))
    return interval_rows(
        rows,
        axis="lost (% of dense)",
        title=f"Published: writing loses more than choosing in {yes} of {len(compared)} cases",
        lines={"nothing lost": 0.0},
    )


CLAIM = Claim(
    "generation",
    "Writing or choosing",
    "Does writing text lose more than choosing among answers?",
    answer,
    Live(
        "No live half: IFEval is not run here. Under Explore the small models write beside the "
        "dense one, word by word."
    ),
)
