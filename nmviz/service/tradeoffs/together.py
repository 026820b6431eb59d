"""The columns that several tokens of real text need together: from the store, or measured now."""

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event

from nmviz.claims.shared import short_texts
from nmviz.core.results import Measurement, Progress, Result
from nmviz.service.claims import measured_specially
from nmviz.service.runs import store
from nmviz.views.shared.theme import Figure
from nmviz.views.tradeoffs.together import Curve, together_figure

METRIC = "columns_together"
USUAL = "smollm2-135m"
KINDS = {"tokens of one text": "tokens in a row of one text", "texts": "texts, a token of each"}


@dataclass(frozen=True)
class Share:
    """What so many tokens need of the columns, mean over groups, one standard error or None."""

    tokens: int
    kind: str
    value: float
    error: float | None
    n: int | None


def stored(model: str = USUAL) -> Result | None:
    """The newest measurement of a model that has these shares; None where there is none."""
    found = store().find(model=model, corpus=short_texts.NAME, source="nmviz", sites=False)
    return next((one for one in reversed(found) if shares_of(one)), None)


def measure(model: str, stop: Event) -> Iterator[Progress]:
    """A pass over eight short texts, stored; the overlap of masks is measured with it."""
    yield from measured_specially("overlap", model, stop)


def shares_of(result: Result) -> tuple[Share, ...]:
    """By kind, fewest tokens first."""
    found = [_share(one) for one in result.measurements if one.metric == METRIC]
    return tuple(sorted(found, key=lambda one: (one.kind, one.tokens)))


def _share(one: Measurement) -> Share:
    count, _, kind = (one.task or "").partition(" ")
    return Share(int(count), kind, one.value, one.stderr, one.n)


def draw_together(model: str = USUAL) -> Figure:
    """The curves of a model; empty, saying so, where nobody measured it."""
    found = stored(model)
    if found is None:
        return together_figure([], "", 0.0)
    shares, density = shares_of(found), found.experiment.mask.density
    curves = [
        Curve(
            title,
            [1, *(one.tokens for one in shares if one.kind == kind)],
            [density, *(one.value for one in shares if one.kind == kind)],
            [0.0, *(one.error or 0.0 for one in shares if one.kind == kind)],
        )
        for kind, title in KINDS.items()
    ]
    return together_figure(curves, _sentence(found, shares), density)


def _sentence(found: Result, shares: tuple[Share, ...]) -> str:
    made = found.experiment
    told = [
        f"{max(own, key=lambda one: one.tokens).tokens} {kind} need "
        f"{100 * max(own, key=lambda one: one.tokens).value:.1f}%"
        for kind in KINDS
        if (own := [one for one in shares if one.kind == kind])
    ]
    return (
        f"{made.model}, activations {made.pattern}: one token needs {100 * made.mask.density:g}% "
        f"of the weight columns, {' and '.join(told)} of them together"
    )
