"""What changed in a pair: words of a text, and answers to tasks, as HTML."""

from collections.abc import Iterator, Mapping

from nmviz.core.answers.item_flips import ItemFlips, item_flips
from nmviz.core.comparing.comparison import Compared
from nmviz.core.results import Result
from nmviz.core.tokenwise.flips import MOST, FlipInWords
from nmviz.service.flips import MOST_ITEMS, flips_in_words, questions_of
from nmviz.sources.tasks import TASKS
from nmviz.ui.serving.noted import note_failure
from nmviz.ui.shell.html import esc, note, table
from nmviz.views.explore.changed_answers import NOT_HERE, short
from nmviz.views.explore.changed_words import percent, visible
from nmviz.views.explore.tail_lines import flips_counted

SHOWN = 60
"""Rows of words that are shown."""
NOT_FOLLOWED = (
    "Which words changed is not known of {}: it was measured before single words were followed."
)
NOT_LISTED = "not listed"
ABOUT = (
    "Each is compared with the dense model; listed are the {most} largest changes of each, so a "
    "word that is not listed changed less, or not at all. The share is how likely the dense "
    "model's word still is."
)
NO_TASKS = "No task was asked of both: answers that changed are of tasks."
OTHER_EXAMPLES = "They ran other examples of {}, or asked them otherwise."

Where = tuple[int, int]
"""Window and token."""


def words(a: Result, b: Result) -> str:
    """Words that changed with A and with B, beside one another where they are of one text."""
    lacking = [name for name, one in (("A", a), ("B", b)) if one.flips is None]
    if lacking:
        return note(NOT_FOLLOWED.format(" and ".join(lacking)), "warning")
    if apart := Compared(a, b).apart:
        return note(apart, "warning")
    told = flips_in_words(a), flips_in_words(b)
    for said in dict.fromkeys(one.lacking for one in told if one.lacking):
        note_failure()  # what is missing may be there for the next visitor
        missing = note(said)
        break
    else:
        missing = ""
    one, other = ({(row.flip.window, row.flip.token): row for row in of.rows} for of in told)
    both = len(one.keys() & other.keys())
    counts = [
        f"{flips_counted(of.flips)} with {name}" for name, of in (("A", a), ("B", b)) if of.flips
    ]
    said = (
        f"Another word than the dense model's is the likeliest for {' and '.join(counts)}. Of the "
        f"largest changes {both} are in both lists, {len(one) - both} in A's alone, "
        f"{len(other) - both} in B's alone."
    )
    heads = ["text before", "true next word", "dense model's word", "A's word", "B's word"]
    rows = list(_word_rows(one, other))[:SHOWN]
    shown = table(f"The {len(rows)} largest changes of either", heads, rows) if rows else ""
    about = f'<p class="words">{esc(ABOUT.format(most=MOST))}</p>'
    return f'<p class="headline answer">{esc(said)}</p>{about}{missing}{shown}'


def _word_rows(
    one: Mapping[Where, FlipInWords], other: Mapping[Where, FlipInWords]
) -> Iterator[list[str]]:
    """Both lists together, the largest fall of the dense model's word in either first."""

    def fall(where: Where) -> float:
        return max(of[where].flip.fall for of in (one, other) if where in of)

    for where in sorted({*one, *other}, key=fall, reverse=True):
        known = one.get(where) or other[where]
        yield [
            esc(visible(known.before) if known.before else "\N{EN DASH}"),
            esc(visible(known.right)),
            f"{esc(visible(known.dense))} {esc(percent(known.flip.dense_before))}",
            *(_word(of.get(where)) for of in (one, other)),
        ]


def _word(row: FlipInWords | None) -> str:
    if row is None:
        return f'<span class="soft">{NOT_LISTED}</span>'
    return f"{esc(visible(row.pruned))} <small>{esc(percent(row.flip.dense_after))} left</small>"


def answers(a: Result, b: Result) -> str:
    """Examples of tasks that one of them has right and the other wrong, in pairs."""
    tasks = {one.task for one in a.examples} & {one.task for one in b.examples}
    if not tasks:
        return note(NO_TASKS, "warning")
    found = [one for one in item_flips(b, a) if one.metric == TASKS.get(one.task).metrics[0]]
    others = sorted(tasks - {one.task for one in found})
    said = [f"{TASKS.get(one.task).title}: {_counted(one)}" for one in found]
    lacking = [OTHER_EXAMPLES.format(TASKS.get(task).title) for task in others]
    rows = [row for one in found for row in _answer_rows(a, one.first(MOST_ITEMS))]
    missing = note(NOT_HERE) if any(not question for question, *_ in rows) else ""
    if missing:
        note_failure()
    heads = ["question", "task", "right answer", "A's answer", "B's answer", "right is"]
    cells = [[esc(cell) or "&ndash;" for cell in row[1:]] for row in rows]
    shown = table(f"{len(cells):,} answers that one has right and the other wrong", heads, cells)
    head = "".join(f'<p class="headline answer">{esc(one)}.</p>' for one in said)
    return head + "".join(note(one, "warning") for one in lacking) + missing + shown * bool(cells)


def _counted(one: ItemFlips) -> str:
    """From B to A: what is lost is right with B alone."""
    return f"of {one.n:,} examples {one.won:,} are right with A alone and {one.lost:,} with B alone"


def _answer_rows(a: Result, flips: ItemFlips) -> Iterator[tuple[str, ...]]:
    """Whether the question is here, then the cells."""
    items = questions_of(a, flips)
    title = TASKS.get(flips.task).title
    for flip in flips.items:
        item = items.get(flip.item)
        right = "B" if flip.lost else "A"
        if item is None:
            given = [
                "" if one is None else f"answer {one + 1}" for one in (flip.after, flip.before)
            ]
            yield "", f"example {flip.item + 1:,}", title, "", *given, right
        else:
            own = [item.answer(one) for one in (flip.after, flip.before)]
            yield (
                "here",
                short(item.question),
                title,
                *map(short, (item.answer(item.right), *own)),
                right,
            )
