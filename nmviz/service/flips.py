"""Flips in words: what is kept of a result as numbers, read with what is on this machine."""

from dataclasses import dataclass

from nmviz.core.results import Result
from nmviz.core.tokenwise.flips import FlipInWords

NO_WORDS = (
    "The model is not on this machine: words are shown by their numbers in its vocabulary, and the "
    "text before them is left out."
)
NO_TEXT = "The text is not on this machine: what stands before the words is left out."


@dataclass(frozen=True)
class Told:
    """The flips that are kept of a result, the largest first; `lacking` says what they lack."""

    rows: tuple[FlipInWords, ...]
    lacking: str = ""


def flips_in_words(result: Result, text: str | None = None) -> Told:
    """The flips of a result; `text` is the user's own where it is of one. The first answer for a
    model reads its tokenizer, and for a text cuts it into tokens; later ones take milliseconds."""
    kept = () if result.flips is None else result.flips.rows
    if not kept:
        return Told(())
    from nmviz.engine.look import words

    known = words.vocabulary(result.experiment)
    if known is None:
        return Told(tuple(map(FlipInWords.in_numbers, kept)), NO_WORDS)
    windows = words.windows_here(known, result.experiment, text)
    return Told(words.in_words(kept, known, windows), NO_TEXT if windows is None else "")
