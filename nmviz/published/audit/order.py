"""Rows where accuracy and perplexity disagree about which of two patterns is the milder."""

from collections.abc import Iterator
from itertools import permutations

from nmviz.base.wording import listed
from nmviz.published.audit.finding import Finding
from nmviz.published.audit.printed import DROP, PERPLEXITY, Row, Rows, exact, slug
from nmviz.published.audit.settings import apart, cells_of, doubtful_accuracies
from nmviz.published.cells import Cell

BETTER = 0.1
"""Share by which perplexities must differ to say that one pattern is better than another."""
WORSE = 3
"""Standard errors by which an accuracy must differ to contradict that."""
CHANCE = 2
"""Standard errors that an accuracy may lie lower by chance."""


def is_milder(row: Row, other: Row) -> bool:
    """At equal density, wider groups leave more choice; of two shares, the smaller is milder."""
    one, two = row.result.experiment.mask, other.result.experiment.mask
    if one.group and two.group:
        return one.density == two.density and one.group > two.group
    both = one.percent is not None and two.percent is not None
    return both and one.density > two.density


def find_order(rows: Rows) -> Iterator[Finding]:
    """A finding for every method that loses accuracy, or gains perplexity, at a milder pattern."""
    doubtful = doubtful_accuracies(rows)
    for mild, harsh in _pairs(rows):
        better, worse = (row.get(PERPLEXITY) for row in (mild, harsh))
        if better is None or worse is None:
            continue
        if better.value <= worse.value * (1 - BETTER):
            if tasks := _fallen(mild, harsh, doubtful):
                yield _accuracy(rows, mild, harsh, tasks)
        elif better.value >= worse.value * (1 + BETTER) and _no_worse(mild, harsh, doubtful):
            yield _perplexity(mild, harsh)


def _pairs(rows: Rows) -> Iterator[tuple[Row, Row]]:
    """Rows of one model and method in one source, the milder pattern first."""
    for row, other in permutations((row for row in rows.tables if row.accuracies), 2):
        same = (row.key[0], *row.key[2:]) == (other.key[0], *other.key[2:])
        if same and row.place[0] == other.place[0] and is_milder(row, other):
            yield row, other


def _fallen(mild: Row, harsh: Row, doubtful: frozenset[Cell]) -> list[str]:
    """Tasks where the milder row is far below the harsher one."""
    return [
        task
        for task, number in mild.accuracies.items()
        if task in harsh.accuracies
        and not doubtful & {mild.cell("acc", task), harsh.cell("acc", task)}
        and (apart(number, harsh.accuracies[task]) or 0) > WORSE
    ]


def _no_worse(mild: Row, harsh: Row, doubtful: frozenset[Cell]) -> bool:
    """Whether the milder row is far better on a task and on none lower than chance explains."""
    steps = [
        apart(harsh.accuracies[task], number) or 0.0
        for task, number in mild.accuracies.items()
        if task in harsh.accuracies
        and not doubtful & {mild.cell("acc", task), harsh.cell("acc", task)}
    ]
    return max(steps, default=0.0) > WORSE and min(steps) > -CHANCE


def _of(row: Row, metric: str) -> str:
    number = row.get(metric)
    return str(exact(number)) if number else "not printed"


def _accuracy(rows: Rows, mild: Row, harsh: Row, tasks: list[str]) -> Finding:
    name, other = mild.printed, harsh.printed
    values = listed(
        f"{exact(mild.accuracies[task])} against {exact(harsh.accuracies[task])} on {task}"
        for task in tasks
    )
    return Finding(
        id=slug("order", *mild.key[:2], mild.method),
        detector="order",
        title=f"{name.model}, {mild.method}: worse at {name.pattern} than at {other.pattern} "
        f"({values}), though perplexity is {_of(mild, PERPLEXITY)} against "
        f"{_of(harsh, PERPLEXITY)}.",
        evidence=f"Lower by more than {WORSE} standard errors (binomial, from the task's size) "
        f"while perplexity is better by more than {BETTER:.0%}. Average drops: {_of(mild, DROP)} "
        f"and {_of(harsh, DROP)}.",
        certainty="inferred",
        consequence="The two rows were evaluated in different ways; they say nothing about what "
        "the pattern does to the method.",
        cells=cells_of(rows, [mild]),
    )


def _perplexity(mild: Row, harsh: Row) -> Finding:
    name, other = mild.printed, harsh.printed
    return Finding(
        id=slug("order-perplexity", *mild.key[:2], mild.method),
        detector="order",
        title=f"{name.model}, {mild.method}: perplexity {_of(mild, PERPLEXITY)} at {name.pattern} "
        f"is above {_of(harsh, PERPLEXITY)} at {other.pattern}, though accuracies are higher.",
        evidence=f"An accuracy is higher by more than {WORSE} standard errors (binomial, from the "
        f"task's size) and none lower by more than {CHANCE}. Average drops: {_of(mild, DROP)} at "
        f"{name.pattern} and {_of(harsh, DROP)} at {other.pattern}; every mask of {other.pattern} "
        f"is one of {name.pattern}.",
        certainty="inferred",
        consequence="The perplexities of the two patterns were measured in different ways, or one "
        "is misprinted; they cannot be compared.",
        cells=(mild.cell(PERPLEXITY), harsh.cell(PERPLEXITY)),
    )
