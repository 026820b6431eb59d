"""Sixteen real inputs of one layer, in groups: which stay by size, and what that does."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nmviz.core.lessons.hand import KEPT, SIZE, Hand
from nmviz.methods.patterns import parse_pattern


def kept_by_size(values: Sequence[float], pattern: str) -> tuple[bool, ...]:
    """The N largest of every M neighbours stay; of equal ones the first."""
    mask = parse_pattern(pattern)
    group, keep = int(mask.group or 1), int(mask.keep or 0)
    stays = [False] * len(values)
    for start in range(0, len(values), group):
        places = range(start, start + group)
        for place in sorted(places, key=lambda one: (-abs(values[one]), one))[:keep]:
            stays[place] = True
    return tuple(stays)


def error_by_size(hand: Hand, word: int, pattern: str) -> float:
    """What that takes from the layer's output, as a share of it."""
    return hand.error(word, kept_by_size(hand.inputs[word], pattern))


def mean_error(hand: Hand, pattern: str) -> float:
    """The same, as the mean over the words of the prompt."""
    words = range(len(hand.words))
    return sum(error_by_size(hand, word, pattern) for word in words) / len(words)


def best_choice(hand: Hand, word: int) -> tuple[tuple[bool, ...], float]:
    """Of all ways to keep eight of the sixteen the one that changes the output least, with its
    error: each is tried."""
    masks = _masks()
    dropped = np.asarray(hand.inputs[word]) * ~masks  # [masks, 16]
    squares = np.einsum("mi,ij,mj->m", dropped, np.asarray(hand.gram), dropped, optimize=True)
    best = tuple(bool(stays) for stays in masks[int(squares.argmin())])
    return best, hand.error(word, best)


@lru_cache(maxsize=1)
def _masks() -> np.ndarray:
    """bool [12870, 16]: every mask that keeps eight of sixteen."""
    numbers = np.arange(2**SIZE, dtype=np.uint32)
    bits = (numbers[:, None] >> np.arange(SIZE, dtype=np.uint32) & 1).astype(bool)
    return np.asarray(bits[bits.sum(1) == KEPT])
