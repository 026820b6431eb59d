"""Texts that were written beforehand, so that a visitor reads some before anything is pressed:
those that ship, and those that were kept beside a result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.looks.kept import as_shown, pruned_alone
from nmviz.core.results import Column, Continuation, Token
from nmviz.service.beforehand.files import entries
from nmviz.service.choices import canonical
from nmviz.service.looks.finding import kept_of

DENSE = "dense"
Told = tuple[str, int, list[Continuation]]
"""A prompt, the most tokens that were written, and what models made of it."""


@dataclass(frozen=True)
class Written:
    """A prompt, what the dense model and some pruned ones made of it, and how many tokens each was
    to write at most, the likeliest each time."""

    prompt: str
    tokens: int
    continuations: tuple[Continuation, ...]


def written_beforehand(experiments: Sequence[Experiment]) -> tuple[Written, ...]:
    """By prompt the texts that are there of the experiments' model: dense, and of the experiments
    those that ship or were kept. None of a model, or of experiments, that has none."""
    found: dict[str, tuple[int, dict[Column, Continuation]]] = {}
    for prompt, tokens, texts in (*_shipped(experiments), *_kept(experiments)):
        _, known = found.setdefault(prompt, (tokens, {}))
        for text in texts:
            known.setdefault(text.column, text)
    columns: list[Column] = ["dense", *(one.target for one in experiments)]
    return tuple(
        Written(prompt, tokens, tuple(known[column] for column in columns if column in known))
        for prompt, (tokens, known) in found.items()
        if len(known) > 1
    )


def _shipped(experiments: Sequence[Experiment]) -> Iterator[Told]:
    columns: dict[str, Column] = {DENSE: "dense"}
    columns |= {key_of(one): one.target for one in experiments}
    for told in _texts().get(experiments[0].model, ()):
        by = told["by"].items()
        texts = [_text(columns[key], said) for key, said in by if key in columns]
        yield told["prompt"], told["tokens"], texts


def _kept(experiments: Sequence[Experiment]) -> Iterator[Told]:
    for one in experiments:
        try:
            packed = kept_of(one)
        except UserError:  # no such layers are there, or no such model
            continue
        for text in () if packed is None else packed.head.texts:
            both = [as_shown(text.dense, "dense"), as_shown(text.pruned, one.target)]
            yield text.prompt, text.tokens, both


def key_of(experiment: Experiment) -> str:
    """What a text is kept under: the pruned model, whatever text it is measured on. Empty for one
    that has no key, since no such layers are there."""
    try:
        return canonical(pruned_alone(experiment)).key
    except UserError:
        return ""


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
