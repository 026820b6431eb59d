"""What two results are of: the settings in which they differ, those of the protocol apart."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nmviz.core.experiment import Experiment
from nmviz.core.protocols import text_in_words
from nmviz.core.results import Result
from nmviz.core.rules import in_words
from nmviz.core.settings import BLOCKS
from nmviz.published.listing.asking import asked
from nmviz.published.listing.row import OWN_SOURCE
from nmviz.service.published import published
from nmviz.store import OWN
from nmviz.views.tray.titles import model_title

Say = Callable[[Result], str]
NONE, NOT_SAID = "none", "not said"


@dataclass(frozen=True)
class Differing:
    """A setting of two results in words; `protocol` where it says how they were measured."""

    what: str
    a: str
    b: str
    protocol: bool


def differing(a: Result, b: Result) -> tuple[Differing, ...]:
    """Every setting in which they differ: what was pruned and how, then how it was measured."""
    return tuple(_differing(a, b))


def _differing(a: Result, b: Result) -> Iterator[Differing]:
    for protocol, says in ((False, PRUNED), (True, MEASURED)):
        for what, say in says.items():
            one, other = say(a), say(b)
            if one != other:
                yield Differing(what, one or NONE, other or NONE, protocol)


def _of(say: Callable[[Experiment], object]) -> Say:
    return lambda result: str(say(result.experiment) or "")


def _pruned(one: Experiment) -> str:
    if one.is_dense:
        return "nothing"
    return {"weight": "weights", "activation": "activations"}.get(one.target, "whole blocks")


def _criterion(one: Experiment) -> str:
    return "" if one.is_dense or one.target == BLOCKS else one.rule


def _calibration(one: Experiment) -> str:
    windows = one.calibration_windows
    if windows is None:
        return NOT_SAID
    return f"{windows} windows, seed {one.seed}" if windows else ""


def _text(result: Result) -> str:
    """Which text was read and how; nothing where tasks were asked, or no perplexity was taken."""
    one = result.experiment
    if one.tasks or not result.get("perplexity"):
        return ""
    tokens = NOT_SAID if one.tokens is None else f"{one.tokens:,}"
    return f"{tokens} tokens of {text_in_words(one)}, begin-of-text token: {one.bos or NOT_SAID}"


def _source(result: Result) -> str:
    told = result.provenance
    titles = {source.id: source.title for source in published().sources}
    title = OWN_SOURCE if told.source == OWN else titles.get(told.source, told.source)
    return f"{title}, {told.printed.place}" if told.printed else title


def _named(result: Result) -> str:
    told = result.provenance.printed
    return "" if told is None else ", ".join(filter(None, (told.model, told.method, told.scope)))


PRUNED: dict[str, Say] = {
    "model": _of(lambda one: model_title(one.model)),
    "pruned": _of(_pruned),
    "pattern": _of(lambda one: one.pattern),
    "criterion": _of(_criterion),
    "ties": _of(lambda one: ", ".join(in_words(one.ties, one.dropping))),
    "mitigations": _of(lambda one: " + ".join(one.mitigations)),
    "layers": _of(lambda one: str(one.sites) if one.projections or one.blocks else "all"),
    "blocks left out": _of(lambda one: f"{one.drop}, by {one.by}" if one.drop else ""),
    "calibration": _of(_calibration),
}
"""What was pruned, and how."""
MEASURED: dict[str, Say] = {
    "source": _source,
    "called there": _named,
    "text": _text,
    "tasks": _of(lambda one: ", ".join(one.tasks)),
    "asked": lambda result: asked(result).words,
}
"""How it was measured."""
