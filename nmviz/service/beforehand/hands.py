"""Hands of sixteen inputs, for the page: those that ship, without a model, and those of any layer
on any prompt."""

from collections.abc import Iterator
from functools import cache
from threading import Event
from typing import Any

from nmviz.base.errors import Cancelled, check_of
from nmviz.core.lessons.hand import Guess, Hand, Rule
from nmviz.core.results import Progress
from nmviz.service.at_hand.models import captures, load
from nmviz.service.beforehand.files import entries
from nmviz.service.choices import refuse_large
from nmviz.sources.opening import opening

PLACES = {"smollm2-135m": (15, "down"), "gemma-3-270m": (9, "down")}
"""By model the layer that the page opens with."""
PROMPTS = (
    "The capital of France is Paris, and the capital of Italy is Rome. The capital of Japan is",
    "Water boils at one hundred degrees, and ice melts at zero. In winter the lake is covered with",
)
DIGITS = 7
"""Significant digits that are written: as many as a 32-bit float has."""


def shipped_hands(model: str) -> tuple[tuple[str, Hand], ...]:
    """Prompts with their hands, of a model; none of one that has none."""
    return _hands().get(model, ())


def take_hand(
    model: str, prompt: str, block: int, projection: str, cancel: Event
) -> Iterator[Progress | Hand]:
    """A hand of any layer on any prompt: how far it is, and at last the hand, or nothing where
    `cancel` was set. Rules that would have to be calibrated first are left out, and no model writes
    on. UserError for a model of which only published results are known, and as `engine.look.hand`.
    """
    refuse_large(model)
    yield Progress(opening(model))
    from nmviz.engine.load.sites import find_site
    from nmviz.engine.look.hand import hand

    loaded = load(model)
    site = find_site(loaded.model, block, projection)
    steps = hand(loaded, captures(), prompt, site, check_of(cancel), live=True)
    try:
        while not cancel.is_set():
            yield Progress("asking every rule", share=next(steps))
    except StopIteration as end:
        yield end.value
    except Cancelled:
        return


def rounded(value: Any) -> Any:
    """The same with numbers of so many digits."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return [rounded(part) for part in value] if isinstance(value, list | tuple) else value


@cache
def _hands() -> dict[str, tuple[tuple[str, Hand], ...]]:
    read = [(one["model"], one["prompt"], read_hand(one["hand"])) for one in entries("hands")]
    return {name: tuple((said, made) for of, said, made in read if of == name) for name in PLACES}


def read_hand(told: dict[str, Any]) -> Hand:
    """`Hand.to_json` backwards."""
    rules = [
        Rule(**{**rule, "guesses": [Guess(**one) for one in rule["guesses"]]})
        for rule in told["rules"]
    ]
    return Hand(**{**told, "rules": rules, "guesses": [Guess(**one) for one in told["guesses"]]})
