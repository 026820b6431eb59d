"""Results as plain data: what the engine gives, the store keeps and the page draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from statistics import quantiles
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from nmviz.base.registry import Registry
from nmviz.core.coverage import Coverage
from nmviz.core.experiment import Experiment
from nmviz.core.record import Record
from nmviz.core.rules import as_stored
from nmviz.core.settings import Target
from nmviz.core.site_errors import SAMPLED_ERRORS, BlockDrift, SiteError, pooled
from nmviz.core.tokenwise.flips import Flips
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.core.tokenwise.tails import TAILS, Sureness, TokenCounts
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.method import Method

Column = Literal["dense", "weight", "activation", "blocks"]
COLUMNS: tuple[Column, ...] = ("dense", "weight", "activation")
"""The three things shown side by side, always in this order."""


class Measurement(Record):
    """One number. `stderr` comes from `n` units (windows, blocks of 64 tokens, seeds ...);
    `no_stderr` says in words why there is none, where that is not plain."""

    metric: str  # a name in nmviz.core.metrics.METRICS
    value: float
    stderr: float | None = None
    n: int | None = None
    unit_of_n: str | None = None
    task: str | None = None
    printed: str | None = None  # a published number as it was printed
    no_stderr: str | None = None


class Censored(Record):
    """A quantity that a source prints as being beyond a limit: no number, and never one."""

    metric: str
    task: str | None = None
    printed: str
    reason: str


class TaskExamples(Record):
    """Which examples of a task came out right, kept so that other runs can be set beside it in
    pairs: only where `digest`, a hash of every prompt and answer in order, is the same. `chosen` is
    which answer was given, from 0 (a is 10), where there were some to choose from.
    """

    task: str
    metric: str
    right: str = Field(pattern="^[01]*$")  # one character an example
    chosen: str = Field("", pattern="^[0-9a-z]*$")
    digest: str = Field(pattern="^[0-9a-f]{64}$")


class Printed(Record):
    """How a source names what it measured, in its own words."""

    place: str  # a table of a paper, or the id of a log
    model: str
    pattern: str
    method: str
    scope: str | None = None


class Provenance(Record):
    """Where a result comes from. Nothing here is part of the experiment's key."""

    source: str  # "nmviz" for our own runs, else the id of a published source
    started: str | None = None  # ISO 8601, UTC
    seconds: float | None = None
    versions: Mapping[str, str] = {}  # package -> version, nmviz and python included
    commit: str | None = None
    machine: Mapping[str, str | int] = {}  # processor, cores, threads, memory_gib, system
    device: str | None = None
    settings: Mapping[str, str] = {}  # dtype, attention
    artefacts: Mapping[str, str] = {}  # name -> SHA-256 of what was read
    note: str | None = None
    coverage: Coverage | None = None
    printed: Printed | None = None  # published results only


class Result(Record):
    """An experiment with its measurements. `partial` ones are shown and never stored."""

    experiment: Experiment
    measurements: tuple[Measurement, ...]
    sites: tuple[SiteError, ...] = ()
    drift: tuple[BlockDrift, ...] = ()
    censored: tuple[Censored, ...] = ()
    examples: tuple[TaskExamples, ...] = ()
    unit_costs: tuple[float, ...] = ()  # delta_nll of each unit behind its error, in text order
    noise_floors: tuple[NoiseFloor, ...] = ()  # of the dense model, and of the pruned one
    by_confidence: tuple[Sureness, ...] = ()
    token_counts: tuple[TokenCounts, ...] = ()
    flips: Flips | None = None
    provenance: Provenance
    partial: bool = False

    @field_validator("experiment", mode="before")
    @classmethod
    def _settled(cls, given: Any) -> Any:
        """A result is of one rule: where none is told it was the lower index."""
        return given.answers[-1] if isinstance(given, Experiment) else as_stored(given)

    @property
    def key(self) -> str:
        return self.experiment.key

    @property
    def sampled(self) -> bool:
        """Whether the errors of its layers are from a sample of the tokens."""
        return SAMPLED_ERRORS in self.provenance.settings

    def floor_of(self, of: Literal["dense", "pruned"]) -> NoiseFloor | None:
        """What rounding alone does to the dense or the pruned model, where it is known."""
        return next((one for one in self.noise_floors if one.of == of), None)

    @property
    def lacks_tails(self) -> bool:
        """Whether it compares predictions and was made before their tails were measured."""
        return self.get("kl") is not None and self.get(TAILS[0]) is None and not self.partial

    @property
    def lacks_flips(self) -> bool:
        """Whether it compares predictions and was made before words were followed."""
        return self.get("kl") is not None and self.flips is None and not self.partial

    @property
    def quantities(self) -> tuple[Measurement | Censored, ...]:
        """Everything it says: numbers first, then what is only known to lie beyond a limit."""
        return self.measurements + self.censored

    def get(self, metric: str, task: str | None = None) -> Measurement | None:
        """The measurement of that metric, or None."""
        return self._by_name.get((metric, task))

    def __copy__(self) -> "Result":
        """Without the index: `model_copy` may change the measurements."""
        copied = super().__copy__()
        for name in ("_by_name", "layers"):
            copied.__dict__.pop(name, None)
        return copied

    @cached_property
    def layers(self) -> tuple[SiteError, ...]:
        """The sites, with the experts of a block pooled: squares added, by what they were given."""
        return tuple(pooled(self.sites))

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str | None], Measurement]:
        return {(one.metric, one.task): one for one in reversed(self.measurements)}


@dataclass(frozen=True)
class Progress:
    """One step of a run. `results` are partial until `done == total`, one an experiment."""

    stage: str  # plain words: "loading the model", "measuring", "random tie-breaks"
    done: int = 0  # tokens measured, or examples of tasks
    total: int = 0
    seconds_left: float | None = None
    results: tuple[Result, ...] = ()
    from_store: bool = False
    note: str | None = None  # one sentence the user should know, such as why nothing was stored
    figures: Mapping[str, float] = field(default_factory=dict)  # what calibration says of itself
    share: float | None = None  # of all the work, 0..1, where that is more than done of total

    @property
    def part(self) -> float:
        """How much of the work is done, 0..1."""
        told = self.done / self.total if self.total else 0.0
        return told if self.share is None else self.share


@dataclass(frozen=True)
class Histogram:
    """Counts of entries kept and dropped over the same bins."""

    edges: np.ndarray  # [bins + 1]
    kept: np.ndarray  # [bins]
    dropped: np.ndarray  # [bins]
    shift: float | None = None  # mean of what dropped entries become, where that is not 0
    cut: float | None = None  # median over tokens (or the matrix) of the smallest score kept


@dataclass(frozen=True)
class MaskWindow:
    """A window of one mask, whose rows are tokens (activation) or outputs (weight), and for each
    column how many rows of the whole mask keep it."""

    kept: np.ndarray  # bool [rows, columns]
    values: np.ndarray  # float32 [rows, columns], before the mask
    scores: np.ndarray  # float32 [rows, columns]
    row_labels: tuple[str, ...]
    first_row: int
    first_column: int
    rows_in_all: int
    columns_in_all: int
    group: int | None  # M of N:M, to rule the blocks
    kept_of_column: np.ndarray  # int64 [columns_in_all], 0..rows_in_all


@dataclass(frozen=True)
class SiteLook:
    """One site under one experiment, from a capture: no forward pass."""

    target: Target
    site: str
    block: int
    projection: str
    d_in: int
    d_out: int
    tokens: int
    rel_error: float
    kept: float
    inputs: Histogram  # activation: the site's inputs; weight: the site's weights
    mask: MaskWindow
    turned: bool = False  # the inputs are shown on the axes they are masked on, not by channel
    drawn: bool = False  # ties between weights are broken at random, as in a run's first draw
    said: str = ""  # where it was not made now: a sentence with what it is of


@dataclass(frozen=True)
class MethodError:
    """One method alone at one site: its local error, or why there is none.

    `added` are the multiply-adds that it adds there, over those of the dense layer. Where it adds
    some, `equal_error` is the error of magnitude alone that spends as many in all.
    """

    target: Target
    kind: Literal["criterion", "mitigation"]
    name: str
    rel_error: float | None = None
    reason: str | None = None
    added: float | None = None
    equal_error: float | None = None

    @property
    def registry(self) -> Registry[Method]:
        """Where the method is declared."""
        return MITIGATIONS if self.kind == "mitigation" else BY_TARGET[self.target]


@dataclass(frozen=True)
class Token:
    """One generated token: its text, the probability the model that wrote it gave it, and how long
    that took."""

    id: int
    text: str
    probability: float
    seconds: float = 0.0


@dataclass(frozen=True)
class Continuation:
    """What one model says to a prompt."""

    column: Column
    tokens: tuple[Token, ...] = ()
    finished: bool = False
    dense_probability: tuple[float, ...] = ()  # of each word of the dense text, under this model
    bytes_a_token: float | None = None  # of weights read, where real speed was asked for
    drawn: bool = False  # as in `SiteLook`

    @property
    def text(self) -> str:
        return "".join(token.text for token in self.tokens)

    @property
    def tokens_a_second(self) -> tuple[float, float, float] | None:
        """The lower quartile, median and upper quartile over tokens; None for fewer than three.

        The first token, which reads the prompt, does not count.
        """
        speeds = [1 / token.seconds for token in self.tokens[1:] if token.seconds > 0]
        if len(speeds) < 2:
            return None
        low, middle, high = quantiles(speeds, n=4, method="inclusive")
        return low, middle, high


@dataclass(frozen=True)
class GenerationProgress:
    """The continuations so far, in the order of COLUMNS."""

    continuations: tuple[Continuation, ...] = field(default_factory=tuple)
    done: bool = False
