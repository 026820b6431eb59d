"""Protocols: which windows of a text are read, and which of their tokens count in a perplexity.

`windows` reads windows without overlap and counts every token but the first of each. `stride` lets
each window begin `stride` tokens behind the one before and counts the tokens that none before it
held, as the documentation of transformers does. `second-half` reads windows without overlap and
counts the tokens behind the middle one, as llama.cpp does.
"""

from nmviz.base.validation import WrongValue
from nmviz.core.settings import Settings
from nmviz.sources.corpora import OWN_TEXT


def in_words(one: Settings) -> str:
    """How a text is read, such as `windows of 512 without overlap`."""
    of = "windows of " + ("a length that is not known" if one.window is None else f"{one.window:,}")
    if one.protocol == "stride":
        return f"{of}, stride {one.stride:,}"
    if one.protocol == "second-half":
        return f"second half of {of}"
    return f"{of} without overlap"


def text_in_words(one: Settings) -> str:
    """The text and how it is read: `wikitext-2, windows of 512 without overlap`."""
    named = "your own text" if one.corpus == OWN_TEXT else one.corpus
    return f"{named or 'a text that is not known'}, {in_words(one)}"


def settled_stride(one: Settings) -> int | None:
    """The stride, half a window where the protocol needs one and none is given.

    ValueError where it does not go with the protocol or the window.
    """
    if one.protocol != "stride":
        if one.stride is not None:
            said = "A stride is for the protocol stride: choose that, or leave the stride out."
            raise WrongValue("stride", said)
        return None
    if one.window is not None and one.stride is not None and one.stride >= one.window:
        raise WrongValue(
            "stride",
            f"A stride of {one.stride} leaves no overlap in windows of {one.window}: shorten it, "
            "or choose the protocol windows.",
        )
    return one.stride or (one.window or 0) // 2 or None


def tokens_read(one: Settings) -> int:
    """Tokens that go through a model: with a stride most of them several times."""
    if one.tokens is None or one.window is None or one.stride is None:
        return one.tokens or 0
    return count_of(one.tokens, one.window, one.stride) * one.window


def count_of(tokens: int, window: int, step: int) -> int:
    """How many windows, each `step` behind the one before, fit into so many tokens."""
    return max(0, 1 + (tokens - window) // step)
