"""What two pinned models write: texts that ship, or written now; where they part, and how likely
the words are there."""

from collections.abc import Iterator, Sequence
from time import monotonic

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.results import Continuation, GenerationProgress, Progress, Result
from nmviz.service.beforehand.texts import Written, written_beforehand
from nmviz.sources.opening import opening
from nmviz.ui.explore.panels.texts import ENDED, KEY, marked
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import esc, note, table
from nmviz.ui.shell.limits import offered
from nmviz.ui.shell.progress import bar
from nmviz.ui.shell.sessions import Turn
from nmviz.ui.shell.view import Writing
from nmviz.ui.tray.model import alone
from nmviz.views.explore.changed_words import visible
from nmviz.views.explore.continuations import Span, mark_differences
from nmviz.views.shared.numbers import share
from nmviz.views.tray.colours import column_of
from nmviz.views.tray.parting import SHOWN, parting, shared_beginning
from nmviz.views.tray.titles import model_title, short_of

SECONDS_BETWEEN_TEXTS = 0.3
WRITE = (
    '<p class="act"><button type="button" class="tray-write" data-at="write">'
    "Write both texts, from the prompt of Explore</button></p>"
)
STOP = '<button type="button" class="tray-stop" data-at="stop">Cancel</button>'
BEFOREHAND = "Written beforehand, at most {} tokens, the likeliest each time."
NONE_SHIPS = "No text of these two ships with the page: press the button to have them written."
SAME = "A and B write the same."
ONE_ENDS = "A and B write alike as far as the shorter goes."


def texts(a: Result, b: Result) -> str:
    """The texts of both that ship, and the button that has others written. UserError where they
    cannot be set side by side."""
    models = alone(a), alone(b)
    shipped = list(_shipped(*models))
    about = BEFOREHAND.format(shipped[0][0].tokens) if shipped else NONE_SHIPS
    inner = "".join(
        f"<h3>{esc(one.prompt)}</h3>{side_by_side(models, every, True)}" for one, every in shipped
    )
    return f'{WRITE}<p class="words">{esc(about)}</p>{KEY * bool(shipped)}{inner}'


def write(a: Result, b: Result, prompt: object, event: Turn) -> Iterator[str]:
    """Both texts and the dense model's, as they are written."""
    try:
        models = alone(a), alone(b)
        writing = Writing(prompt=str(prompt))
        shown = said = f"<h3>{esc(writing.prompt)}</h3>{KEY}"
        before: list[Texts] = []
        for group in _groups(models):
            yield shown + _working(Progress(opening(group[0].model)))
            for progress in _written(group, writing, event):
                if isinstance(progress, Progress):
                    yield shown + _working(progress)
                    continue
                every = [*before, _texts(group, progress.continuations)]
                done = progress.done and len(every) == len(_groups(models))
                shown = said + side_by_side(models, every, done)
                yield shown + ("" if done else _working(_told(progress, writing)))
            before = every
        yield shown + (note("Cancelled: the texts end here.") if event.is_set() else "")
    except Exception as error:
        yield note(sentence(error), "error")


Texts = Sequence[Continuation]
"""Of one model: the dense text, and that of each of the pinned two that is of it, in their order;
of one that is dense the dense text again."""


def _groups(models: Sequence[Experiment]) -> list[list[Experiment]]:
    """The two by the model that they prune: one group, or two."""
    first, other = models
    return [[first, other]] if first.model == other.model else [[first], [other]]


def side_by_side(models: Sequence[Experiment], every: Sequence[Texts], done: bool) -> str:
    """A row of columns for each model, what differs from its dense text marked; once all are done,
    where A and B part. Of two models the second may be to come."""
    letters = iter("AB")
    rows = []
    for group, given in zip(_groups(models), every, strict=False):
        kinds = ("dense", *map(column_of, group))
        pinned = [f"{next(letters)}: {short_of(one)}" for one in group]
        columns = zip(("dense", *pinned), kinds, given, strict=True)
        inner = "".join(_column(name, kind, text, given[0]) for name, kind, text in columns)
        of = "" if len(group) > 1 else f"<h4>{esc(model_title(group[0].model))}</h4>"
        rows.append(f'{of}<div class="cards">{inner}</div>')
    return "".join(rows) + (_where(every) if done else "")


def _where(every: Sequence[Texts]) -> str:
    """Where A and B part. Of two models, whose tokens have nothing in common, by their letters."""
    if len(every) == 1:
        dense, a, b = every[0]
        return _parting(dense, a, b)
    one, other = (given[1].text.lstrip() for given in every)
    alike = shared_beginning(one, other)
    if alike in (one, other):
        return f'<p class="words">{SAME if one == other else ONE_ENDS}</p>'
    said = f"after “{visible(alike[-SHOWN:])}”" if alike else "at the first letter"
    return f'<p class="words">A and B part {esc(said)}. Their tokens are not the same ones.</p>'


def _column(name: str, kind: str, text: Continuation, dense: Continuation) -> str:
    spans: list[Span] = [(text.text, None)]
    if text is not dense:
        # Whatever it is called: two of one target are told apart by their places.
        spans = mark_differences([dense, text])[text.column]
    words = "".join(marked(*span) for span in spans) or "&ndash;"
    if text.finished and not text.tokens:
        words = f'<span class="words">{ENDED}</span>'
    return (
        f'<article class="card {kind}" aria-label="text of {esc(name)}"><h3>{esc(name)}</h3>'
        f'<div class="text">{words}</div></article>'
    )


def _parting(dense: Continuation, a: Continuation, b: Continuation) -> str:
    found = parting(dense, a, b)
    if found is None:
        return f'<p class="words">{SAME}</p>'
    said = "A and B part at the first token."
    if found.place:
        said = (
            f"A and B write {found.place} tokens alike, and part after “{visible(found.before)}”."
        )
    said += "".join(f" {letter} ends there." for letter in found.ended)
    heads = ["next word", "dense model", "A", "B"]
    rows = [
        [esc(visible(word.text)), *(_chance(one) for one in (word.dense, word.a, word.b))]
        for word in found.words
    ]
    caption = "How likely each word is there; a dash where that model was not asked for it"
    return f'<p class="words">{esc(said)}</p>{table(caption, heads, rows, (1, 2, 3))}'


def _chance(chance: float | None) -> str:
    return "&ndash;" if chance is None else share(chance)


def _shipped(a: Experiment, b: Experiment) -> Iterator[tuple[Written, Sequence[Texts]]]:
    """By prompt the texts of both that ship."""
    each = [{one.prompt: one for one in _written_of(of)} for of in (a, b)]
    for prompt, one in each[0].items():
        if (other := each[1].get(prompt)) is None:
            continue
        if a.model == b.model:
            yield one, [(*one.continuations, other.continuations[1])]
        else:
            yield one, [one.continuations, other.continuations]


def _written_of(one: Experiment) -> Iterator[Written]:
    """The texts that ship of a model. Of a result it is known how its ties were broken; texts are
    kept under the settings that leave that open, and say what came of it."""
    for written in written_beforehand([one.but(ties="auto")]):
        if written.continuations[1].drawn == (one.ties == "random"):
            yield written


def _written(
    group: Sequence[Experiment], writing: Writing, event: Turn
) -> Iterator[Progress | GenerationProgress]:
    """What has to be calibrated first; then what one model and its pruned ones write, a few times a
    second and at the end."""
    pruned = [one for one in group if not one.is_dense] or group
    for one in service.uncalibrated(pruned):
        yield from service.calibrate(one, event)
    known, last = offered(group[0].model), 0.0
    for progress in service.generate(
        pruned,
        writing.prompt,
        max_new_tokens=writing.new_tokens,
        chat=bool(known and known.chat),
        cancel=event,
    ):
        if progress.done or monotonic() - last > SECONDS_BETWEEN_TEXTS:
            last = monotonic()
            yield progress


def _texts(group: Sequence[Experiment], given: Sequence[Continuation]) -> Texts:
    dense, *others = given
    rest = iter(others)
    return [dense, *(dense if one.is_dense else next(rest) for one in group)]


def _told(progress: GenerationProgress, writing: Writing) -> Progress:
    tokens = sum(len(one.tokens) for one in progress.continuations)
    return Progress("writing", tokens, len(progress.continuations) * writing.new_tokens)


def _working(progress: Progress) -> str:
    return bar(progress) + STOP
