"""Where the texts of two models part, and how likely the words were there."""

from dataclasses import dataclass
from itertools import takewhile

from nmviz.core.results import Continuation
from nmviz.views.explore.continuations import first_difference


@dataclass(frozen=True)
class Word:
    """A word that one of them wrote where they part, and its probability there under the dense
    model, A and B; None where it was not taken."""

    text: str
    dense: float | None
    a: float | None
    b: float | None


@dataclass(frozen=True)
class Parting:
    """After `place` tokens alike A and B write another one; `before` is the end of what they
    share. `words` are the different ones that the dense model, A and B write there; `ended` is who
    writes none."""

    place: int
    before: str
    words: tuple[Word, ...]
    ended: tuple[str, ...]


SHOWN = 60  # characters of what is shared


def parting(dense: Continuation, a: Continuation, b: Continuation) -> Parting | None:
    """Where A and B part; None where neither text goes another way than the other."""
    places = (first_difference(b, a), first_difference(a, b))  # one may end where the other goes on
    place = next((one for one in places if one is not None), None)
    if place is None:
        return None
    before = "".join(token.text for token in a.tokens[:place])[-SHOWN:]
    words: dict[int, Word] = {}
    if _ids(dense, place) == _ids(a, place) and place < len(dense.tokens):
        there = dense.tokens[place]
        chances = (_at(a, place), _at(b, place))
        words[there.id] = Word(there.text, there.probability, *chances)
    for side, text in (("a", a), ("b", b)):
        if place < len(text.tokens) and text.tokens[place].id not in words:
            token = text.tokens[place]
            known = {"dense": None, "a": None, "b": None, side: token.probability}
            words[token.id] = Word(token.text, **known)
    ended = tuple(letter for letter, text in (("A", a), ("B", b)) if place >= len(text.tokens))
    return Parting(place, before, tuple(words.values()), ended)


def shared_beginning(a: str, b: str) -> str:
    """The letters that both texts begin with: of two models whose tokens differ."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False))
    return "".join(letter for letter, _ in alike)


def _ids(text: Continuation, end: int) -> list[int]:
    return [token.id for token in text.tokens[:end]]


def _at(text: Continuation, place: int) -> float | None:
    known = text.dense_probability
    return known[place] if place < len(known) else None
