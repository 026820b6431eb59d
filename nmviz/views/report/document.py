"""A report as plain data: sections of words, tables, figures, terms and code."""

from dataclasses import dataclass

from nmviz.views.shared.theme import Figure
from nmviz.views.tables.table import Table


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Listed:
    """A table; a long one is `folded` until it is asked for."""

    table: Table
    folded: bool = False


@dataclass(frozen=True)
class Shown:
    """A figure with the sentence above it and the caption below."""

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Terms:
    """Names and what each is, under a heading."""

    heading: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Code:
    """Lines to copy."""

    text: str


Block = Words | Listed | Shown | Terms | Code


@dataclass(frozen=True)
class Section:
    """A part of a report; `name` is its address within the page."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A report."""

    title: str
    about: str
    sections: tuple[Section, ...]
