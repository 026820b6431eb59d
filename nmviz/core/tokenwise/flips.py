"""Flips: the tokens whose most likely successor is another word once the model is pruned.

Kept with a result are numbers only: where a token stands in the text, which words of the vocabulary
the models hold for the likeliest, and how likely. Words and the text before are made of them where
tokenizer and text are at hand, so a result may be passed on where the text may not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, model_validator

from nmviz.core.record import Record

MOST = 100
"""So many flips of a run are kept with where they are, the largest; all of them are counted."""
DIGITS = 6
"""Significant digits of what is kept of a flip."""

Kind = Literal["right to wrong", "wrong to right", "wrong to wrong"]


class Flip(Record):
    """One token whose likeliest successor changed; words are numbers of the vocabulary.

    It is token `token` of window `window`, both counted from 0, and `right` is what stands there.
    `dense` and `pruned` are what the two models hold for likeliest; of each of these words the
    probability before pruning and after. `kl` is KL(dense || pruned) of the prediction, in nats.
    """

    window: int = Field(ge=0)
    token: int = Field(ge=1)
    right: int = Field(ge=0)
    dense: int = Field(ge=0)
    pruned: int = Field(ge=0)
    dense_before: float = Field(ge=0, le=1)
    dense_after: float = Field(ge=0, le=1)
    pruned_before: float = Field(ge=0, le=1)
    pruned_after: float = Field(ge=0, le=1)
    kl: float = Field(ge=0, allow_inf_nan=False)

    @property
    def fall(self) -> float:
        """How far the dense model's word fell, -1..1: p_dense(its word) - p_pruned(its word).

        Flips are kept by it, the largest first. KL would be the other reading; it also counts
        probability that moves among words neither model would say, and grows without bound where
        a word becomes impossible. The fall is large only where the dense model was sure of a word
        and the pruned one is not, which is what a reader of the two texts sees.
        """
        return self.dense_before - self.dense_after

    @property
    def kind(self) -> Kind:
        """What it does to the answer that the text gives."""
        if self.dense == self.right:
            return "right to wrong"
        return "wrong to right" if self.pruned == self.right else "wrong to wrong"


class Flips(Record):
    """The flips of a run: `total` of `n` predicted tokens, and the rows of the largest.

    Where ties are broken at random they are those of the first draw: a flip is one of one model. A
    text of the visitor's own leaves no rows in the store unless they are asked for.
    """

    n: int = Field(ge=0)
    total: int = Field(ge=0)
    right_to_wrong: int = Field(ge=0)
    wrong_to_right: int = Field(ge=0)
    rows: tuple[Flip, ...] = Field((), max_length=MOST)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.total > self.n or self.right_to_wrong + self.wrong_to_right > self.total:
            raise ValueError("more words changed than there are tokens")
        if len(self.rows) > self.total or any(one.dense == one.pruned for one in self.rows):
            raise ValueError("a word that did not change is among those that did")
        return self

    @property
    def lacks_rows(self) -> bool:
        """Whether it is only known how many there are."""
        return self.total > 0 and not self.rows

    @property
    def counts(self) -> Mapping[Kind, int]:
        """How many there are of each kind."""
        others = self.total - self.right_to_wrong - self.wrong_to_right
        return {
            "right to wrong": self.right_to_wrong,
            "wrong to right": self.wrong_to_right,
            "wrong to wrong": others,
        }

    def without_rows(self) -> "Flips":
        """How many there are, and nothing that tells of the text."""
        return self.model_copy(update={"rows": ()})


@dataclass(frozen=True)
class FlipInWords:
    """A flip as it is read: the words, and the end of the text that the models were given before
    them, or only the numbers of the words."""

    flip: Flip
    before: str
    right: str
    dense: str
    pruned: str

    @classmethod
    def in_numbers(cls, flip: Flip) -> "FlipInWords":
        """Where no tokenizer is at hand."""
        right, dense, pruned = (f"#{one}" for one in (flip.right, flip.dense, flip.pruned))
        return cls(flip, "", right, dense, pruned)

    @cached_property
    def searched(self) -> str:
        """What a search for words goes through."""
        return f"{self.before}{self.right}\n{self.dense}\n{self.pruned}".casefold()
