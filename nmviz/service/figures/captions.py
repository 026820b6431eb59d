"""Captions: model, method, text and key of what a figure draws, so that it can stand alone."""

from collections.abc import Sequence

from nmviz.base.wording import listed
from nmviz.core.experiment import Experiment
from nmviz.core.protocols import text_in_words
from nmviz.core.results import Result
from nmviz.service.figures.asked import Place
from nmviz.sources.tasks import TASKS
from nmviz.store import OWN
from nmviz.views.tray.titles import model_title, short_of

LETTERS = "ABCDEF"
KEY = 12
"""Digits of a key, enough to find it by."""
LONGEST = 80
"""Characters of a prompt."""


def of_results(results: Sequence[Result], lettered: bool = False) -> str:
    """`SmolLM2 135M Instruct, 2,048 tokens of wiki-leads ...: activations 8:16, magnitude (key
    0a1b2c3d4e5f).` What all share is said once."""
    read = [(model_title(one.experiment.model), read_by(one)) for one in results]
    shared = [of[0] for of in zip(*read, strict=True) if len({*of}) == 1 and of[0]]
    told = []
    for one, parts in zip(results, read, strict=True):
        own = [part for part in parts if part and part not in shared]
        told.append(f"{', '.join((short_of(one.experiment), *own))} (key {one.key[:KEY]})")
    begun = f"{', '.join(shared)}: " if shared else ""
    return f"{begun}{'; '.join(_lettered(told) if lettered else told)}."


def of_looks(experiments: Sequence[Experiment], at: Place, lettered: bool = False) -> str:
    """Model, layer and prompt, then the methods."""
    told = [short_of(one) for one in experiments]
    prompt = " ".join(at.prompt.split())
    shown = prompt if len(prompt) <= LONGEST else f"{prompt[: LONGEST - 1]}…"
    where = f"block {at.block}, {at.projection}, on “{shown}”"
    said = "; ".join(_lettered(told) if lettered else told)
    return f"{model_title(experiments[0].model)}, {where}: {said}."


def read_by(result: Result) -> str:
    """The text and how it was read, or the tasks; nothing of what was published or imported."""
    one = result.experiment
    if result.provenance.source != OWN:
        return ""
    if one.tasks:
        first = f"first {one.limit:,} examples of " if one.limit else ""
        return first + listed(TASKS.get(task).title for task in one.tasks)
    tokens = f"{one.tokens:,} tokens of " if one.tokens else ""
    return tokens + text_in_words(one)


def _lettered(told: Sequence[str]) -> list[str]:
    return [f"{letter}: {said}" for letter, said in zip(LETTERS, told, strict=False)]
