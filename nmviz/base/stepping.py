"""Work in steps: generators that yield how far they are and return what they have made."""

from collections.abc import Callable, Generator
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")


def each(steps: Generator[A, None, R], change: Callable[[A], B]) -> Generator[B, None, R]:
    """The same work, every step told in another way; it returns the same."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        yield change(step)


def at_once(steps: Generator[object, None, R]) -> R:
    """The same work without a word about its steps: what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
