"""The three continuations, side by side, with what differs from dense marked."""

from collections.abc import Mapping, Sequence
from math import exp, fsum, log

from nmviz.core.experiment import Experiment
from nmviz.core.reading import TEXT
from nmviz.core.results import COLUMNS, Column, Continuation, GenerationProgress
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import esc, hint, table
from nmviz.ui.shell.view import View, methods_of
from nmviz.views.explore.continuations import FIRST, mark_differences
from nmviz.views.explore.sentences import FIRST_DRAW
from nmviz.views.shared import numbers
from nmviz.views.shared.theme import NAMES

SHOWN = 40  # characters of a prompt
CLASSES = {FIRST: "first"}
ENDED = "It ended at once: the first token that it chose was the end of the text."
WRITTEN = "The three texts are written."
WAITING = "Press Write the three texts, or Run: each model continues your prompt."
KEY = (
    '<p class="key"><mark class="first">first difference</mark> <mark>later differences</mark></p>'
)

PROBABILITY_HELP = (
    "How likely this model found each token of the dense text, on average (geometric mean). "
    "The dense model's own text, read by the pruned one."
)
SPEED_HELP = (
    "Measured here while the three models write in turns; whatever else the machine does slows all "
    "of them. lm_head is never pruned, and pruned weights are multiplied as zeros."
)
SPEED_FORMULA = "median over tokens after the first of 1 / time; in brackets their middle half"
PROBABILITY_FORMULA = "exp(mean of ln p(dense token | dense tokens before it))"


def texts(progress: GenerationProgress | None, view: View, message: str = "") -> str:
    """Three columns; `message` is HTML above them."""
    given = {} if progress is None else {one.column: one for one in progress.continuations}
    done = progress is not None and progress.done
    wait = f'<p class="words nothing-yet">{esc(WAITING)}</p>' if not given and not message else ""
    below = _chances_table(given) if done else ""
    made = stamp("texts", identity(view), _written(view)) if given else ""
    inner = side_by_side(given, view, done) if given or message else ""
    said = f'<p class="unseen spoken">{WRITTEN}</p>' if done else ""
    return f"{made}{message}{said}{wait}{KEY if len(given) > 1 else ''}{inner}{below}"


def side_by_side(given: Mapping[Column, Continuation], view: View, done: bool) -> str:
    """A column a model, with what differs from the dense text marked; once all are `done`, words
    of the dense text have their probabilities."""
    marks = mark_differences(list(given.values()))
    words = {name: "".join(marked(*span) for span in spans) for name, spans in marks.items()}
    if done:
        words["dense"] = _dense_words(given)
    inner = "".join(_column(name, given, words.get(name, ""), view) for name in COLUMNS)
    return f'<div class="cards">{inner}</div>'


def identity(view: View) -> str:
    """What the texts are written by, and from what."""
    return repr((models(view), view.writing))


def _written(view: View) -> str:
    prompt = view.writing.prompt
    start = prompt if len(prompt) <= SHOWN else f"{prompt[:SHOWN].rstrip()} ..."
    return f"{methods_of(view)}, from the prompt “{start}”"


def models(view: View) -> list[Experiment]:
    """The pruned models alone: on which text they are measured changes no word."""
    text = Experiment().model_dump(include=set(TEXT))
    return [one.but(**text) for one in view.experiments()]


def _column(name: Column, given: Mapping[Column, Continuation], words: str, view: View) -> str:
    text = given.get(name)
    speed = _speed(text, given.get("dense"))
    drawn = f'<p class="words">{FIRST_DRAW}</p>' if text is not None and text.drawn else ""
    pattern = "" if name == "dense" else f" <span>{esc(view.experiment.pattern)}</span>"
    if text is not None and text.finished and not text.tokens:
        words = f'<span class="words">{ENDED}</span>'
    caret = "" if text is None or text.finished else '<span class="caret"></span>'
    below = f"{_likely(text)}{speed}{drawn}"
    return (
        f'<article class="card {name}" aria-label="text of {esc(NAMES[name])}">'
        f"<h3>{esc(NAMES[name])}{pattern}</h3>"
        f'<div class="text">{words or "&ndash;"}{caret}</div>{below}</article>'
    )


def _speed(text: Continuation | None, dense: Continuation | None) -> str:
    """Tokens a second and bytes read, beside dense and the limit; empty unless measured."""
    if text is None or dense is None or not text.bytes_a_token or not dense.bytes_a_token:
        return ""
    if not text.tokens_a_second or not dense.tokens_a_second:
        return ""
    shown = hint("tokens a second", SPEED_HELP, SPEED_FORMULA)
    low, middle, high = (numbers.significant(speed, 3) for speed in text.tokens_a_second)
    said = f"{shown}: {esc(middle)} ({esc(low)} to {esc(high)})"
    if text is not dense:
        times = numbers.significant(text.tokens_a_second[1] / dense.tokens_a_second[1], 2)
        limit = numbers.significant(dense.bytes_a_token / text.bytes_a_token, 3)
        said += f", {esc(times)} times dense; by the bytes read at most {esc(limit)}"
    return f'<p class="words">{said}. {round(text.bytes_a_token / 1e6):,} MB read a token.</p>'


def marked(text: str, mark: str | None) -> str:
    """A span of a text as HTML, with its mark."""
    if mark is None:
        return esc(text)
    return f'<mark class="{CLASSES.get(mark, "later")}" title="{esc(mark)}">{esc(text)}</mark>'


def _dense_words(given: Mapping[Column, Continuation]) -> str:
    """Each token of the dense text with its probability under every model, on hover."""
    dense = given.get("dense")
    if dense is None:
        return ""
    shown = [
        f'<span title="{esc(_chances(given, place))}">{esc(token.text)}</span>'
        for place, token in enumerate(dense.tokens)
    ]
    return "".join(shown)


def _chances(given: Mapping[Column, Continuation], place: int) -> str:
    known = (
        f"{NAMES[name]} {numbers.share(text.dense_probability[place])}"
        for name, text in given.items()
        if place < len(text.dense_probability)
    )
    return "probability of this token: " + ", ".join(known)


def _chances_table(given: Mapping[Column, Continuation]) -> str:
    """The same in a table, for those who cannot hover."""
    dense = given.get("dense")
    known = {name: text for name, text in given.items() if text.dense_probability}
    if dense is None or not known:
        return ""
    rows = [
        [
            f"{place + 1}. {esc(token.text.strip() or '␣')}",
            *(_chance(text, place) for text in known.values()),
        ]
        for place, token in enumerate(dense.tokens)
    ]
    heads = ["token", *(esc(NAMES[name]) for name in known)]
    told = table("probability of each token of the dense text", heads, rows)
    return f"<details><summary>Probability of each token</summary>{told}</details>"


def _chance(text: Continuation, place: int) -> str:
    known = text.dense_probability
    return esc(numbers.share(known[place])) if place < len(known) else "&ndash;"


def _likely(text: Continuation | None) -> str:
    if text is None or not text.dense_probability:
        return ""
    mean = _geometric_mean(text.dense_probability)
    shown = hint("probability of the dense text", PROBABILITY_HELP, PROBABILITY_FORMULA)
    return f'<p class="words">{shown}: {esc(numbers.share(mean))} a token</p>'


def _geometric_mean(chances: Sequence[float]) -> float:
    # A chance can round to 0 in fp32, and one token must not decide the mean of all.
    return exp(fsum(log(max(chance, 1e-12)) for chance in chances) / len(chances))
