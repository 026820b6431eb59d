"""Hands of sixteen inputs that ship, for the page: read once, without a model."""

import json
from functools import cache
from typing import Any

from nmviz.core.lessons.hand import Guess, Hand, Rule
from nmviz.store.database import results_folder

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


def rounded(value: Any) -> Any:
    """The same with numbers of so many digits."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return [rounded(part) for part in value] if isinstance(value, list | tuple) else value


@cache
def _hands() -> dict[str, tuple[tuple[str, Hand], ...]]:
    folder = results_folder()
    file = None if folder is None else folder / "lessons" / "hands.json"
    if file is None or not file.is_file():
        return {}
    told = json.loads(file.read_text(encoding="utf-8"))["hands"]
    read = [(one["model"], one["prompt"], read_hand(one["hand"])) for one in told]
    return {name: tuple((said, made) for of, said, made in read if of == name) for name in PLACES}


def read_hand(told: dict[str, Any]) -> Hand:
    """`Hand.to_json` backwards."""
    rules = [
        Rule(**{**rule, "guesses": [Guess(**one) for one in rule["guesses"]]})
        for rule in told["rules"]
    ]
    return Hand(**{**told, "rules": rules, "guesses": [Guess(**one) for one in told["guesses"]]})
