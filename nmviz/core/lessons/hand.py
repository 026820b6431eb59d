"""Sixteen inputs of one layer, of which eight stay: everything that a click needs to be exact.

With the other inputs kept, what dropping some takes from the layer's output y = W x is
e = sum over the dropped j of x_j W_:j, and ||e||^2 = d' G d, where d has the dropped x_j (else 0)
and G = B' B is the Gram matrix of these columns B of W: sixteen numbers squared, whatever the
layer's size. Of pruned weights every row drops other entries: there G is that of the dropped part
of B, and d = x, so that the mask stands while the word changes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

SIZE, KEPT = 16, 8
PATTERN = f"{KEPT}:{SIZE}"

Numbers = Sequence[float]
Matrix = Sequence[Numbers]


@dataclass(frozen=True)
class Guess:
    """The likeliest next word after a word of the prompt, and its probability, 0..1; beside it the
    probability of the word that the dense model holds for the likeliest."""

    word: str
    probability: float
    of_dense: float


@dataclass(frozen=True)
class Rule:
    """What a criterion makes of these inputs, and of the layer and the model that it prunes whole.

    `kept` has a row a word for activations, a row a row of the weight for weights (those that are
    shown). `gram` is that of the dropped part of the columns, for weights. `layer` is the relative
    error of the layer's output a word, all of its inputs or weights pruned; `guesses` are those
    after each word of the model with every layer pruned, and `written` is how it goes on, the
    likeliest word each time; empty where no model was let write.
    """

    name: str
    title: str
    target: str
    kept: Sequence[Sequence[bool]]
    layer: Numbers
    guesses: Sequence[Guess]
    written: str
    gram: Matrix | None = None


@dataclass(frozen=True)
class Hand:
    """Sixteen neighbouring inputs of one layer, from `first` on, word by word over a prompt; the
    rules that are `left_out` would have to be calibrated first."""

    block: int
    projection: str
    first: int
    words: Sequence[str]
    inputs: Matrix  # [words, 16]
    outputs: Numbers  # ||W x||, a word
    gram: Matrix  # [16, 16] of the columns
    weights: Matrix  # some rows of the weight at these columns, [rows, 16]
    guesses: Sequence[Guess]  # of the dense model
    written: str  # by the dense model
    rules: Sequence[Rule]
    left_out: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data, as the page has it."""
        return asdict(self)

    def error(self, word: int, kept: Sequence[bool]) -> float:
        """The relative error of the layer's output after one word where of these inputs only
        those are kept, all others of the layer too."""
        x = self.inputs[word]
        dropped = [0.0 if stays else value for stays, value in zip(kept, x, strict=True)]
        return relative(dropped, self.gram, self.outputs[word])

    def error_of(self, rule: Rule, word: int) -> float:
        """The same by a rule: of activations its own mask of the word, of weights the mask that it
        has for all words."""
        if rule.gram is None:
            return self.error(word, rule.kept[word])
        return relative(self.inputs[word], rule.gram, self.outputs[word])


def relative(dropped: Numbers, gram: Matrix, output: float) -> float:
    """sqrt(d' G d) over ||y||, 0 where the output is 0."""
    squared = sum(
        one * sum(entry * other for entry, other in zip(row, dropped, strict=True))
        for one, row in zip(dropped, gram, strict=True)
    )
    return sqrt(max(squared, 0.0)) / output if output else 0.0
