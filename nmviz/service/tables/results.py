"""Tables of stored results: all of them, two of them, and their layers."""

from collections.abc import Sequence

from nmviz.core.comparing.comparison import FIRST, Compared
from nmviz.core.metrics import METRICS
from nmviz.core.results import Result
from nmviz.core.tokenwise.tails import TAILS
from nmviz.service.figures.captions import LETTERS
from nmviz.sources.tasks import TASKS
from nmviz.views.tables.table import Cell, Number, Table
from nmviz.views.tray.titles import common_of, title_of, titles_of

Figure = tuple[str, str | None]
"""A metric and its task."""
OF_ALL = (*(one for one in FIRST if one not in TAILS), "kl_p99", "delta_p_p05", "average_drop")


def results(found: Sequence[Result]) -> Table:
    """A row a result, a column a figure that any of them has; what is better than every other one,
    each difference being real as one of so many comparisons, is marked."""
    columns = _figures(found)
    best = {figure: _best(found, figure) for figure in columns}
    names = titles_of(found)
    rows = tuple(
        (name, *(_cell(one, figure, place == best[figure]) for figure in columns), one.key[:12])
        for place, (one, name) in enumerate(zip(found, names, strict=True))
    )
    shared = common_of(found)
    notes = [f"All of {shared}."] if shared else []
    if any(isinstance(cell, Number) and cell.stderr is not None for row in rows for cell in row):
        notes.append("After ± stands one standard error.")
    notes += [
        f"{name}, {_head((one.metric, one.task))}: {one.printed}; {one.reason}."
        for name, result in zip(names, found, strict=True)
        for one in result.censored
    ]
    if any(place is not None for place in best.values()):
        count = len(found) - 1
        many = f", judged as {count} comparisons at once" if count > 1 else ""
        notes.append(f"Bold: better than every other one, each difference being real{many}.")
    heads = ("result", *map(_head, columns), "key")
    return Table("results", "Results", heads, rows, tuple(notes))


def compared(a: Result, b: Result) -> Table:
    """Every figure of both, A minus B, and the verdict."""
    both = Compared(a, b)
    rows = tuple(
        (
            _head((row.a.metric, row.a.task)),
            Number(row.a.value, row.a.stderr),
            Number(row.b.value, row.b.stderr),
            None if row.difference is None else Number(row.difference.value, row.difference.stderr),
            ("in pairs" if row.paired else "unpaired") if row.difference else "",
            row.verdict,
        )
        for row in both.rows
    )
    whys = dict.fromkeys(row.why for row in both.rows if row.why)
    notes = (f"A: {title_of(a)}; key {a.key}.", f"B: {title_of(b)}; key {b.key}.", *whys)
    heads = ("figure", "A", "B", "A minus B", "taken", "verdict")
    return Table("compare", "A and B, and their difference", heads, rows, notes, alike=False)


def layers(found: Sequence[Result]) -> Table:
    """The relative output error of every layer that any of them pruned."""
    errors = [{site.name: site for site in one.layers} for one in found]
    names = dict.fromkeys(name for of in errors for name in of)
    first = {name: next(of[name] for of in errors if name in of) for name in names}
    rows = tuple(
        (
            name,
            Number(first[name].block),
            first[name].projection,
            *(Number(of[name].rel_error, of[name].stderr) if name in of else None for of in errors),
        )
        for name in names
    )
    letters = [LETTERS[place] for place in range(len(found))]
    notes = tuple(
        f"{letter}: {title_of(one)}; key {one.key}."
        for letter, one in zip(letters, found, strict=True)
    )
    heads = ("layer", "block", "projection", *(f"error of {letter}" for letter in letters))
    return Table("layers", "Relative output error of every layer, a share", heads, rows, notes)


def _figures(found: Sequence[Result]) -> list[Figure]:
    """Figures of a text, then of each task its usual one, that any of them has."""
    of_text: list[Figure] = [(name, None) for name in OF_ALL]
    tasks = dict.fromkeys(one.task for result in found for one in result.measurements if one.task)
    asked: list[Figure] = [(TASKS.get(task).metrics[0], task) for task in tasks if task in TASKS]
    return [one for one in (*of_text, *asked) if any(result.get(*one) for result in found)]


def _cell(result: Result, figure: Figure, best: bool) -> Cell:
    one = result.get(*figure)
    return None if one is None else Number(one.value, one.stderr, best)


def _best(found: Sequence[Result], figure: Figure) -> int | None:
    """The place of the one that beats every other in that figure for certain."""
    better = METRICS.get(figure[0]).better if figure[0] in METRICS else ""
    levels = {place: one for place, result in enumerate(found) if (one := result.get(*figure))}
    if len(levels) < 2 or len(levels) < len(found) or not better:
        return None
    choose = min if better == "lower" else max
    first = choose(levels, key=lambda place: levels[place].value)
    others = [result for place, result in enumerate(found) if place != first]
    for other in others:
        told = Compared(found[first], other, len(others)).rows
        verdicts = [row.verdict for row in told if (row.a.metric, row.a.task) == figure]
        if verdicts != ["real"]:
            return None
    return first


def _head(figure: Figure) -> str:
    """`KL divergence (nats a token)`, short enough for a column."""
    metric, task = figure
    known = METRICS.get(metric) if metric in METRICS else None
    name = metric.replace("_", " ")
    if task:
        name = f"{TASKS.get(task).title if task in TASKS else task}, {name}"
    return f"{name} ({known.unit})" if known and known.unit else name
