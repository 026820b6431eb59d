"""Texts that were written beforehand, so that a visitor reads some before anything is pressed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.reading import TEXT
from nmviz.core.results import Column, Continuation, Token
from nmviz.service.beforehand.files import entries
from nmviz.service.choices import canonical

DENSE = "dense"


@dataclass(frozen=True)
class Written:
    """A prompt, what the dense model and some pruned ones made of it, and how many tokens each was
    to write at most, the likeliest each time."""

    prompt: str
    tokens: int
    continuations: tuple[Continuation, ...]


def written_beforehand(experiments: Sequence[Experiment]) -> tuple[Written, ...]:
    """By prompt the texts that ship of the experiments' model: dense, and of the experiments those
    that there are. None of a model, or of experiments, that has none."""
    columns: dict[str, Column] = {DENSE: "dense"}
    columns |= {key_of(one): one.target for one in experiments}
    found = []
    for told in _texts().get(experiments[0].model, ()):
        known = [_text(columns[key], said) for key, said in told["by"].items() if key in columns]
        if len(known) > 1:
            found.append(Written(told["prompt"], told["tokens"], _in_order(known, experiments)))
    return tuple(found)


def key_of(experiment: Experiment) -> str:
    """What a text is kept under: the pruned model, whatever text it is measured on. Empty for one
    that has no key, since no such layers are there."""
    alone = experiment.but(**Experiment().model_dump(include={*TEXT}))
    try:
        return canonical(alone).key
    except UserError:
        return ""


def _in_order(
    known: Sequence[Continuation], experiments: Sequence[Experiment]
) -> tuple[Continuation, ...]:
    columns = [DENSE, *(one.target for one in experiments)]
    return tuple(sorted(known, key=lambda one: columns.index(one.column)))


def _text(column: Column, told: dict[str, Any]) -> Continuation:
    chances = tuple(told["dense_probability"])
    tokens = tuple(Token(*told_of) for told_of in told["tokens"])
    return Continuation(column, tokens, True, chances, drawn=told["drawn"])


@cache
def _texts() -> dict[str, list[dict[str, Any]]]:
    """By model; each entry has `prompt`, `tokens`, and `by` the key of an experiment its text."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in entries("texts"):
        found.setdefault(one["model"], []).append(one)
    return found
