"""The glossary: every word with one plain definition, from glossary.toml beside this file."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from nmviz.core.metrics import METRICS
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT

FILE = Path(__file__).with_name("glossary.toml")
METHODS = {"activation": ACTIVATION, "weight": WEIGHT, "mitigation": MITIGATIONS}


@dataclass(frozen=True)
class Word:
    """A word, how it is written in texts, and what it means in one or a few sentences."""

    name: str
    forms: tuple[str, ...]
    means: str

    @classmethod
    def read(cls, name: str, entry: Mapping[str, Any]) -> Self:
        """An entry of the file."""
        named = () if entry.get("only") else (name,)
        return cls(name, (*named, *entry.get("forms", ())), _means(entry))


@cache
def glossary() -> Mapping[str, Word]:
    """Every word by its name, in the order of the file."""
    told = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {name: Word.read(name, entry) for name, entry in told.items()}


def _means(entry: Mapping[str, Any]) -> str:
    """Its own definition, or that of the quantity or method that it names."""
    if "means" in entry:
        return str(entry["means"])
    if "metric" in entry:
        return METRICS.get(entry["metric"]).help
    [(registry, name)] = ((METHODS[kind], entry[kind]) for kind in METHODS if kind in entry)
    does = registry.get(name).title.partition(": ")[2]
    return does[0].upper() + does[1:]


def found_in(text: str) -> Iterator[tuple[re.Match[str], Word]]:
    """Where words of the glossary stand in a text, in the text's order; of words that overlap the
    longest."""
    for place in _pattern().finditer(text):
        yield place, _by_form()[place[0].lower()]


@cache
def _by_form() -> Mapping[str, Word]:
    return {form.lower(): word for word in glossary().values() for form in word.forms}


@cache
def _pattern() -> re.Pattern[str]:
    longest_first = sorted(_by_form(), key=len, reverse=True)
    either = "|".join(map(re.escape, longest_first))
    return re.compile(rf"(?<![\w-])(?:{either})(?![\w-])", re.IGNORECASE)
