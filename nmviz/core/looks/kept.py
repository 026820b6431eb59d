"""What is kept of a pruned model beside its result: a look at every layer, and texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from nmviz.core.experiment import Experiment
from nmviz.core.reading import TEXT, Artefacts
from nmviz.core.record import Record
from nmviz.core.results import Column, Continuation, SiteLook, Token
from nmviz.core.settings import Target
from nmviz.sources.model_info import ModelInfo

LONGEST_NAME = 300
MOST_LAYERS = 100_000
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Said = Annotated[str, Field(max_length=2_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=2**40)]
Names = Annotated[tuple[Name, ...], Field(max_length=MOST_LAYERS)]
Widths = Mapping[Name, Annotated[int, Field(ge=1, le=2**24)]]
Written = tuple[Count, Annotated[str, Field(max_length=500)], Share]
"""A token: its number, its text, and the probability that whoever wrote it gave it."""


class KeptModel(Record):
    """What the page asks of a model before it is loaded, and the SHA-256 of its files."""

    id: Name
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    title: Name
    licence: Said
    terms: Said = ""
    blocks: int = Field(ge=1, le=MOST_LAYERS)
    projections: Names
    context: Count
    d_in: Widths = Field(default_factory=dict)
    d_out: Widths = Field(default_factory=dict)
    chat: bool = False
    experts: Mapping[Name, Names] = Field(default_factory=dict)
    routers: Names = ()

    @classmethod
    def of(cls, info: ModelInfo, sha256: str) -> "KeptModel":
        """What is known of a model, with that hash."""
        told = {name: getattr(info, name) for name in cls.model_fields if name != "sha256"}
        return cls(**told, sha256=sha256)

    @property
    def info(self) -> ModelInfo:
        """The model as one that only what is stored is known of."""
        note = "Known by what is stored of it: the model itself is not here."
        told = {name: getattr(self, name) for name in type(self).model_fields if name != "sha256"}
        return ModelInfo(**told, note=note, stored=True)


class KeptContinuation(Record):
    """What one model made of a prompt, as `Continuation`."""

    tokens: Annotated[tuple[Written, ...], Field(max_length=1_000)]
    dense_probability: Annotated[tuple[Share, ...], Field(max_length=1_000)]
    drawn: bool = False


class KeptText(Record):
    """A prompt, at most how many tokens were to follow, the likeliest each time, and what the dense
    and the pruned model made of it."""

    prompt: Said
    tokens: Count
    dense: KeptContinuation
    pruned: KeptContinuation


@dataclass(frozen=True)
class KeptLooks:
    """A look at every layer of one pruned model on one prompt, and what it writes.

    `without` has the reason, by what `name_of` calls a layer, where there is no look at one, and
    `no_texts` the reason where there are none.
    """

    experiment: Experiment
    model: KeptModel
    prompt: str
    tokens: tuple[str, ...]  # of the prompt, as the model read them
    looks: tuple[SiteLook, ...]
    made: str  # ISO 8601, UTC
    version: str  # of nmviz
    texts: tuple[KeptText, ...] = ()
    no_texts: str = ""
    without: Mapping[str, str] = field(default_factory=dict)


def name_of(block: int, projection: str) -> str:
    """A layer in one word for what is kept: `15 down`."""
    return f"{block} {projection}"


def pruned_alone(experiment: Experiment) -> Experiment:
    """The pruned model of an experiment, on whatever text it is measured and from whatever files:
    looks and texts are the same for all of these."""
    usual = Experiment().model_dump(include={*TEXT})
    return experiment.but(**usual, artefacts=Artefacts())


def row_labels(target: Target, rows: int, tokens: tuple[str, ...]) -> tuple[str, ...]:
    """What the rows of a mask are called: outputs of a weight; of inputs the tokens of the prompt,
    where each is a row, as it is not of an expert or of a layer that is called more than once."""
    if target == "weight":
        return tuple(f"output {row}" for row in range(rows))
    return tokens if rows == len(tokens) else tuple(f"input {row}" for row in range(rows))


def as_kept(text: Continuation) -> KeptContinuation:
    """A continuation as it is kept: probabilities to four digits."""
    tokens = tuple((one.id, one.text, _digits(one.probability)) for one in text.tokens)
    return KeptContinuation(
        tokens=tokens,
        dense_probability=tuple(map(_digits, text.dense_probability)),
        drawn=text.drawn,
    )


def as_shown(kept: KeptContinuation, column: Column) -> Continuation:
    """`as_kept` backwards, in a column of the page."""
    tokens = tuple(Token(*one) for one in kept.tokens)
    return Continuation(column, tokens, True, kept.dense_probability, drawn=kept.drawn)


def _digits(chance: float) -> float:
    return float(f"{chance:.4g}")
