"""Will it be faster? The answer of a model or a layer, the bound, and what was measured."""

from dataclasses import dataclass
from typing import Any

from nmviz.base.errors import UserError
from nmviz.hardware.accelerators import Accelerator, accelerator, pasted
from nmviz.hardware.counts import Counts, count, count_layer
from nmviz.hardware.decoder import Layer
from nmviz.hardware.facts import shipped
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.roofline import bound, dense_bound, has_units
from nmviz.hardware.work import Work
from nmviz.methods.patterns import parse_pattern
from nmviz.published.speeds.measured import PHASES
from nmviz.published.speeds.nearest import RULE, Asked, Near, nearest, sentence
from nmviz.service.tradeoffs.cost import speeds
from nmviz.ui.shell.failures import sentence as failure
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import esc, note
from nmviz.ui.tradeoffs.words import caption
from nmviz.views.tradeoffs.known import marked
from nmviz.views.tradeoffs.speed_map import speed_map

LAYER = "layer"
"""In the menu of models: one product of matrices, of the sizes that are typed."""
MOST_TOKENS = 10**7
MOST_WIDE = 10**6


@dataclass(frozen=True)
class Question:
    """What is asked, on which machine, and what it has to do."""

    asked: Asked
    machine: Accelerator
    model: str
    work: Work

    @property
    def pruning(self) -> Pruning:
        return Pruning.of(self.asked.target, parse_pattern(self.asked.pattern))

    def counts(self) -> Counts | None:
        """Of a layer or a whole phase; None where it is neither."""
        if self.model == LAYER:
            layer = Layer("the layer", self.asked.d_out, self.asked.d_in)
            return count_layer(layer, self.work, self.pruning)
        if self.asked.phase not in ("prefill", "decode"):
            return None
        return count(shipped()[self.model], self.work, self.pruning)


def faster(
    machine: Any,
    dtype: Any,
    model: Any,
    phase: Any,
    target: Any,
    pattern: Any,
    tokens: Any,
    d_in: Any,
    d_out: Any,
    own: Any,
) -> tuple[str, Any]:
    """The answer, the bound beside it, and everything measured of that kind."""
    try:
        question = question_of(
            _machine(str(machine), str(own or "")),
            str(dtype),
            str(model),
            str(phase),
            str(target),
            str(pattern),
            (_whole("Tokens", tokens, MOST_TOKENS), d_in, d_out),
        )
        asked = question.asked
        found = speeds(**asked.kind)
        near = nearest(found.rows, asked, found.doubts)
        figure = speed_map(found.rows, found.doubts, asked=asked.tokens)
        said = _answer(near, asked) + _bound(question) + caption(figure)
        said += stamp("faster", repr(question), f"{question.machine.title}, {asked.pattern}")
        return said, drawn(figure, "nmviz-speed-map")
    except Exception as error:
        return note(failure(error), "error"), None


def _machine(name: str, own: str) -> Accelerator:
    return pasted(own) if own.strip() else accelerator(name)


def _whole(name: str, value: Any, most: int) -> int:
    """UserError for what is no whole number from 1 to the most."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise UserError(f"{name}: give a whole number above 0.")
    if not 1 <= value <= most:
        raise UserError(f"{name}: give a number from 1 to {most:,}; given: {int(value):,}.")
    return int(value)


def question_of(
    machine: Accelerator,
    dtype: str,
    model: str,
    phase: str,
    target: str,
    pattern: str,
    sizes: tuple[int, Any, Any],
) -> Question:
    """`sizes` are tokens, and a layer's d_in and d_out. UserError for what is not listed."""
    tokens, d_in, d_out = sizes
    known = "product" if model == LAYER else next((one for one in PHASES if one == phase), None)
    if model not in (LAYER, *shipped()) or known is None or target not in ("weight", "activation"):
        raise UserError("Choose a model, a phase and a target that the tab lists.")
    if model == LAYER:
        widths = _whole("d_in", d_in, MOST_WIDE), _whole("d_out", d_out, MOST_WIDE)
    else:
        widths = shipped()[model].widths
    if known == "decode":
        work = Work("decode", 2048, 2048, tokens, dtype)
    else:
        work = Work("prefill", tokens, 2048, 1, dtype)
    mask = str(parse_pattern(pattern))
    asked = Asked(machine.id, dtype, known, target, mask, tokens, *widths)
    return Question(asked, machine, model, work)


def _answer(near: Near | None, asked: Asked) -> str:
    known = "" if near is None else f" ({marked('published')})"
    source = ""
    if near is not None:
        one = near.measured
        source = f'<p class="words">{esc(f"{one.source}; {one.place}.")}</p>'
    rule = (
        '<details class="claim-rule"><summary>The rule behind the answer</summary>'
        f"<p>{esc(RULE)}</p></details>"
    )
    return f'<p class="answer">{esc(sentence(near, asked) + known)}</p>{source}{rule}'


def _bound(question: Question) -> str:
    """What the roofline allows for the same, where it is a layer or a whole phase."""
    counts = question.counts()
    if counts is None:
        return ""
    words = _bound_words(question, counts)
    return "".join(f'<p class="words">{esc(line)}</p>' for line in words)


def _bound_words(question: Question, counts: Counts) -> list[str]:
    work, machine, pruning = question.work, question.machine, question.pruning
    dense, found = dense_bound(counts, work, machine), bound(counts, pruning, work, machine)
    if not dense.seconds or not found.seconds:
        return [f"The sheet of {machine.title} does not say enough for a bound."]
    by = f", bound by {found.limit}" if found.limit else ""
    times = dense.seconds / found.seconds
    words = f"By the roofline at most {times:.2f} times dense{by} ({marked('bounded')})."
    if not pruning.needs_units or has_units(pruning, machine):
        return [words]
    units = bound(counts, pruning, work, machine, any_units=True).seconds
    if not units:
        return [words]
    return [
        words,
        f"With units for {pruning.pattern}, which {machine.title} does not have: at most "
        f"{dense.seconds / units:.2f} times ({marked('hypothetical')}).",
    ]
