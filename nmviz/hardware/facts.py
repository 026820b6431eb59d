"""Models whose shape ships as a fact with its source: facts.toml beside this file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from nmviz.hardware.decoder import Decoder
from nmviz.hardware.families import decoder

FILE = Path(__file__).with_name("facts.toml")


@cache
def shipped() -> Mapping[str, Decoder]:
    """Every one by its id: the four of the paper, the pinned ones, those that others timed."""
    told = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {id: decoder(one, id, one["title"], one["source"]) for id, one in told.items()}
