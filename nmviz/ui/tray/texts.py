"""What two pinned models write: texts that ship, or written now; where they part, and how likely
the words are there."""

from collections.abc import Iterator, Sequence
from time import monotonic

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Continuation, GenerationProgress, Progress, Result
from nmviz.service.beforehand.texts import Written, written_beforehand
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
from nmviz.views.tray.parting import parting
from nmviz.views.tray.titles import short_of

SECONDS_BETWEEN_TEXTS = 0.3
WRITE = (
    '<p class="act"><button type="button" class="tray-write" data-at="write">'
    "Write both texts, from the prompt of Explore</button></p>"
)
STOP = '<button type="button" class="tray-stop" data-at="stop">Cancel</button>'
TWO_MODELS = "A and B are of different models: only texts of one model are set side by side."
BEFOREHAND = "Written beforehand, at most {} tokens, the likeliest each time."
NONE_SHIPS = "No text of these two ships with the page: press the button to have them written."
SAME = "A and B write the same."


def texts(a: Result, b: Result) -> str:
    """The texts of both that ship, and the button that has others written. UserError where they
    cannot be set side by side."""
    models = of_pair(a, b)
    shipped = list(_shipped(*models))
    about = BEFOREHAND.format(shipped[0][0].tokens) if shipped else NONE_SHIPS
    inner = "".join(
        f"<h3>{esc(one.prompt)}</h3>{side_by_side(models, three, True)}" for one, three in shipped
    )
    return f'{WRITE}<p class="words">{esc(about)}</p>{KEY * bool(shipped)}{inner}'


def write(a: Result, b: Result, prompt: object, event: Turn) -> Iterator[str]:
    """Both texts and the dense model's, as they are written."""
    try:
        models = of_pair(a, b)
        writing = Writing(prompt=str(prompt))
        said = f"<h3>{esc(writing.prompt)}</h3>"
        yield _working(Progress("loading the model"))
        pruned = [one for one in models if not one.is_dense]
        for one in service.uncalibrated(pruned):
            yield from map(_working, service.calibrate(one, event))
        last, shown = 0.0, ""
        for progress in _generate(models[0], pruned, writing, event):
            if progress.done or monotonic() - last > SECONDS_BETWEEN_TEXTS:
                last = monotonic()
                three = _three(models, progress.continuations)
                shown = said + KEY + side_by_side(models, three, progress.done)
                yield shown + ("" if progress.done else _working(_written(progress, writing)))
        yield shown + (note("Cancelled: the texts end here.") if event.is_set() else "")
    except Exception as error:
        yield note(sentence(error), "error")


def of_pair(a: Result, b: Result) -> tuple[Experiment, Experiment]:
    """The two models. UserError where they do not write beside one another here."""
    if a.experiment.model != b.experiment.model:
        raise UserError(TWO_MODELS)
    return alone(a), alone(b)


Three = tuple[Continuation, Continuation, Continuation]
"""Of the dense model, A and B."""


def side_by_side(models: Sequence[Experiment], three: Three, done: bool) -> str:
    """Three columns, what differs from the dense text marked; once all are done, where A and B
    part."""
    names = (
        "dense",
        *(f"{letter}: {short_of(one)}" for letter, one in zip("AB", models, strict=True)),
    )
    kinds = ("dense", *map(column_of, models))
    columns = zip(names, kinds, three, strict=True)
    inner = "".join(_column(name, kind, text, three[0]) for name, kind, text in columns)
    return f'<div class="cards">{inner}</div>' + (_parting(three) if done else "")


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


def _parting(three: Three) -> str:
    found = parting(*three)
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


def _shipped(a: Experiment, b: Experiment) -> Iterator[tuple[Written, Three]]:
    """By prompt the texts of both that ship."""
    each = [{one.prompt: one for one in _written_of(of)} for of in (a, b)]
    for prompt, one in each[0].items():
        if (other := each[1].get(prompt)) is not None:
            dense, first = one.continuations
            yield one, (dense, first, other.continuations[1])


def _written_of(one: Experiment) -> Iterator[Written]:
    """The texts that ship of a model. Of a result it is known how its ties were broken; texts are
    kept under the settings that leave that open, and say what came of it."""
    for written in written_beforehand([one.but(ties="auto")]):
        if written.continuations[1].drawn == (one.ties == "random"):
            yield written


def _generate(
    first: Experiment, pruned: Sequence[Experiment], writing: Writing, event: Turn
) -> Iterator[GenerationProgress]:
    known = offered(first.model)
    yield from service.generate(
        pruned,
        writing.prompt,
        max_new_tokens=writing.new_tokens,
        chat=bool(known and known.chat),
        cancel=event,
    )


def _three(models: Sequence[Experiment], given: Sequence[Continuation]) -> Three:
    """The dense text also stands for a model that is dense."""
    dense, *others = given
    rest = iter(others)
    a, b = (dense if one.is_dense else next(rest) for one in models)
    return dense, a, b


def _written(progress: GenerationProgress, writing: Writing) -> Progress:
    tokens = sum(len(one.tokens) for one in progress.continuations)
    return Progress("writing", tokens, len(progress.continuations) * writing.new_tokens)


def _working(progress: Progress) -> str:
    return bar(progress) + STOP
