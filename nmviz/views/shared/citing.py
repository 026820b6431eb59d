"""How nmviz, a result of it and the paper are cited: BibTeX, in agreement with CITATION.cff."""

from dataclasses import dataclass

import nmviz

TITLE = "nmviz: explore what N:M sparsity does to a language model"
CONTRIBUTORS = "The nmviz contributors"
ARXIV = "2509.22166"
PAPER_TITLE = (
    "Motivating Next-Gen Accelerators with Flexible N:M Activation Sparsity via Benchmarking "
    "Lightweight Post-Training Sparsification Approaches"
)
READ = "v1"
"""The version of the preprint whose tables are read here; its later ones have the title above."""


@dataclass(frozen=True)
class Author:
    """A person, as CITATION.cff names one."""

    given: str
    family: str


AUTHORS = (
    Author("Shirin", "Alanova"),
    Author("Kristina", "Kazistova"),
    Author("Ekaterina", "Galaeva"),
    Author("Alina", "Kostromina"),
    Author("Vladimir", "Smirnov"),
    Author("Dmitry", "Redko"),
    Author("Alexey", "Dontsov"),
    Author("Maxim", "Zhelnin"),
    Author("Evgeny", "Burnaev"),
    Author("Egor", "Shvetsov"),
)


def bibtex(*keys: str) -> str:
    """Entries of nmviz, with its version and the keys of the results that are cited, and of the
    paper: text of a .bib file, UTF-8, each entry closed by a line break."""
    return f"{bibtex_of_tool(*keys)}\n{bibtex_of_paper()}"


def bibtex_of_tool(*keys: str) -> str:
    """The entry of nmviz alone. Keys are written out whole: anyone finds the results by them."""
    results = f"{'Result' if len(keys) == 1 else 'Results'} {', '.join(keys)}" if keys else ""
    return _entry(
        "software",
        "nmviz",
        author="{" + CONTRIBUTORS + "}",
        title="{" + TITLE + "}",
        version=nmviz.__version__,
        note=results,
    )


def bibtex_of_paper() -> str:
    """The entry of the paper, as a preprint."""
    return _entry(
        "misc",
        "alanova2025motivating",
        author=" and ".join(f"{one.family}, {one.given}" for one in AUTHORS),
        title="{" + PAPER_TITLE + "}",
        year="2025",
        eprint=ARXIV,
        archiveprefix="arXiv",
        url=f"https://arxiv.org/abs/{ARXIV}",
        note=f"Tables and logs are those of {READ}",
    )


def _entry(kind: str, name: str, **fields: str) -> str:
    lines = [f"  {field} = {{{value}}}," for field, value in fields.items() if value]
    return "\n".join((f"@{kind}{{{name},", *lines, "}", ""))
