"""The figures of a pair, and of all that is pinned against one of them, as HTML."""

from collections.abc import Sequence

from nmviz.core.comparing.comparison import FIRST, OF_MANY, Compared, Row, Verdict
from nmviz.core.metrics import METRICS
from nmviz.core.pairing import CORRECTION
from nmviz.core.results import Measurement, Result
from nmviz.core.tokenwise.tails import TAILS
from nmviz.service.comparing.differing import differing
from nmviz.sources.tasks import TASKS
from nmviz.ui.shell.html import esc, note, quantity, table, with_hint
from nmviz.views.shared import numbers

DASH = "&ndash;"
SHAPES: dict[Verdict, tuple[str, str]] = {
    "real": ("holds", "●"),
    "not told apart": ("undecided", "◌"),
    "below the noise floor": ("undecided", "○"),
    "not comparable": ("not", "×"),
}
"""Of each verdict the class of its badge, and its shape."""
IN_PAIRS, APART = "in pairs", "unpaired"
NOTHING_IN_COMMON = "A and B have no figure in common."
MOST_COLUMNS = 8
IN_ALL = (*(one for one in FIRST if one not in TAILS), OF_MANY)
"""Figures without a task that stand in the table of all; the pair has the tails too."""

Figure = tuple[str, str | None]
"""A metric and its task."""


def of_pair(both: Compared) -> str:
    """What A and B measured, the difference, and whether it is one; then what else sets them
    apart."""
    if not both.rows:
        return note(NOTHING_IN_COMMON, "warning") + _differing(both)
    said = f'<p class="headline answer">{esc(sentence(both))}</p>'
    whys = dict.fromkeys(row.why for row in both.rows if row.why)
    reasons = "".join(f'<p class="words">{esc(why)}</p>' for why in whys)
    tails = [row for row in both.rows if row.a.metric in TAILS]
    shown = _table([row for row in both.rows if row not in tails])
    return said + shown + reasons + _folded(tails) + _differing(both)


def _table(rows: Sequence[Row]) -> str:
    heads = ["figure", "A", "B", "A minus B", "taken", "verdict"]
    caption = "A and B, and their difference, ± one standard error"
    return table(caption, heads, list(map(_pair_row, rows)), (1, 2, 3))


def _folded(tails: Sequence[Row]) -> str:
    if not tails:
        return ""
    apart = sum(row.verdict == "real" for row in tails)
    said = f"How far single tokens move: {len(tails)} figures, {apart} of them told apart"
    return f"<details><summary>{said}</summary>{_table(tails)}</details>"


def sentence(both: Compared) -> str:
    """The finding of a pair: by the cost where both have one, else by its first figure."""
    row = next((one for one in both.rows if one.a.metric == "delta_nll"), both.rows[0])
    apart = row.difference
    if apart is None:
        return f"A and B are not comparable. {row.why}"
    verdict = "a real difference" if row.verdict == "real" else row.verdict
    how = f" ({IN_PAIRS})" if row.paired else ""
    if row.a.metric != "delta_nll":
        name = _name(row.a.metric, row.a.task)
        return f"A minus B is {_apart(apart, row.a.metric)} in {name}{how}: {verdict}."
    more = "more" if apart.value > 0 else "less"
    told = numbers.with_error(abs(apart.value), apart.stderr)
    return f"A costs {told} nats a token {more} than B{how}: {verdict}."


def of_all(results: Sequence[Result], titles: Sequence[str], reference: int) -> str:
    """Every pinned result, and how far each is from the reference, which a button chooses."""
    columns = _columns(results)
    count = max(len(results) - 1, 1)
    there = results[reference]
    rows = []
    for place, (one, title) in enumerate(zip(results, titles, strict=True)):
        compared = Compared(one, there, count)
        known = {(row.a.metric, row.a.task): row for row in compared.rows}
        cells = [_cell(one, known.get(c), c, place == reference) for c in columns]
        rows.append([esc(title), _reference(place, reference), *cells])
    heads = ["pinned", "reference", *(_head(metric, task) for metric, task in columns)]
    said = f"All {len(results)}, and below each figure its difference from the reference"
    judged = with_hint(f"Each is judged as one of {count} at once ({CORRECTION}).", CORRECTION)
    shown = table(said, heads, rows, range(2, len(heads)))
    return f'{shown}<p class="words">{judged}</p>'


def badge(verdict: Verdict) -> str:
    """A verdict as a word and a shape."""
    kind, shape = SHAPES[verdict]
    mark = f'<span aria-hidden="true">{shape}</span>'
    return f'<span class="verdict {kind}">{mark} {esc(verdict)}</span>'


def _pair_row(row: Row) -> list[str]:
    metric, task = row.a.metric, row.a.task
    apart = DASH if row.difference is None else esc(_apart(row.difference, metric))
    taken = DASH
    if row.paired or (row.difference is not None and row.difference.stderr is not None):
        taken = IN_PAIRS if row.paired else APART
    return [
        _head(metric, task),
        esc(_level(row.a, metric)),
        esc(_level(row.b, metric)),
        apart,
        taken,
        badge(row.verdict),
    ]


def _cell(result: Result, row: Row | None, column: Figure, is_reference: bool) -> str:
    level = result.get(*column)
    if level is None:
        return DASH
    shown = esc(_level(level, column[0]))
    if is_reference or row is None:
        return shown
    if row.difference is None:
        return f"{shown}<small>{badge(row.verdict)}</small>"
    apart = esc(_apart(row.difference, column[0]))
    return f"{shown}<small>{apart} {badge(row.verdict)}</small>"


def _reference(place: int, reference: int) -> str:
    chosen = "true" if place == reference else "false"
    return (
        f'<button type="button" class="reference" data-place="{place}" data-at="reference-{place}" '
        f'aria-pressed="{chosen}">{"reference" if place == reference else "choose"}</button>'
    )


def _columns(results: Sequence[Result]) -> list[Figure]:
    """Figures of a text, then of each task its usual one, that any of them has."""
    of_text: list[Figure] = [(name, None) for name in IN_ALL]
    tasks = dict.fromkeys(one.task for result in results for one in result.measurements if one.task)
    asked: list[Figure] = [(TASKS.get(task).metrics[0], task) for task in tasks if task in TASKS]
    there = [one for one in (*of_text, *asked) if any(result.get(*one) for result in results)]
    return there[:MOST_COLUMNS]


def _head(metric: str, task: str | None) -> str:
    asked = f"{esc(_task(task))}<br>" if task else ""
    return asked + quantity(metric)


def _name(metric: str, task: str | None) -> str:
    title = METRICS.get(metric).title
    return f"{title}, {_task(task)}" if task else title


def _task(task: str) -> str:
    return TASKS.get(task).title if task in TASKS else task


def _level(one: Measurement, metric: str) -> str:
    """As a card writes it, without its unit: that is in the name of the figure."""
    if one.printed is not None:
        return one.printed
    if METRICS.get(metric).unit == "share":
        return numbers.share(one.value, one.stderr)
    if "perplexity" in metric:
        return numbers.perplexity(one.value)
    return numbers.with_error(one.value, one.stderr)


def _apart(one: Measurement, metric: str) -> str:
    """A difference: of shares in points."""
    if METRICS.get(metric).unit != "share":
        return numbers.with_error(one.value, one.stderr, signed=True)
    error = None if one.stderr is None else 100 * one.stderr
    return f"{numbers.with_error(100 * one.value, error, signed=True)} points"


def _differing(both: Compared) -> str:
    """What was done to the two, and how they were measured, where that differs."""
    rows = differing(both.a, both.b)
    if not rows:
        return note("Both are of the same settings.")
    heads = ["what differs", "A", "B", "part of"]
    cells = [
        [esc(one.what), esc(one.a), esc(one.b), "the protocol" if one.protocol else "the method"]
        for one in rows
    ]
    return table("What differs between A and B", heads, cells)
