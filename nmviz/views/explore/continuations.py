"""Continuations side by side: where a pruned model leaves the dense one's words."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from nmviz.core.results import Column, Continuation

FIRST = "first difference"
LATER = "differs"
Span = tuple[str, str | None]


def mark_differences(continuations: Sequence[Continuation]) -> dict[Column, list[Span]]:
    """Each text as (text, mark) spans; joined, the spans of a column are its text.

    The dense text has no marks. In the others the first token that is not the dense model's is
    FIRST; after it, tokens outside the longest alignment with the dense text are LATER.
    """
    dense = next((one for one in continuations if one.column == "dense"), None)
    return {one.column: _merge(_marks(one, dense)) for one in continuations}


def first_difference(text: Continuation, dense: Continuation) -> int | None:
    """Index of the first token that is not the dense text's; None while there is none."""
    ours, theirs = _ids(text), _ids(dense)
    for place, (our, their) in enumerate(zip(ours, theirs, strict=False)):
        if our != their:
            return place
    # An unfinished dense text says nothing yet about what comes after it.
    return len(theirs) if dense.finished and len(ours) > len(theirs) else None


def _marks(text: Continuation, dense: Continuation | None) -> list[Span]:
    words = _words(text)
    start = None if dense is None or text.column == "dense" else first_difference(text, dense)
    if dense is None or start is None:
        return [(word, None) for word in words]
    same = _aligned(_ids(dense)[start:], _ids(text)[start + 1 :])
    later: list[Span] = [
        (word, None if place in same else LATER) for place, word in enumerate(words[start + 1 :])
    ]
    return [*((word, None) for word in words[:start]), (words[start], FIRST), *later]


def _aligned(dense: list[int], text: list[int]) -> set[int]:
    matcher = SequenceMatcher(None, dense, text, autojunk=False)
    return {
        place
        for block in matcher.get_matching_blocks()
        for place in range(block.b, block.b + block.size)
    }


def _merge(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for text, mark in spans:
        if merged and merged[-1][1] == mark and mark != FIRST:
            merged[-1] = (merged[-1][0] + text, mark)
        else:
            merged.append((text, mark))
    return merged


def _ids(text: Continuation) -> list[int]:
    """Tokens are compared, not their text: half a character is written like any other half."""
    return [token.id for token in text.tokens]


def _words(text: Continuation) -> list[str]:
    return [token.text for token in text.tokens]
