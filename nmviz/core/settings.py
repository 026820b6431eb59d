"""Settings: the fields of an experiment, declared once for command line, grids, API and page.

A field has its type, default and bounds, its one spelling, its `title` on the page and in refusals,
and as its `description` the help of the command line.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nmviz.base.validation import as_value_error
from nmviz.methods.method import split_calls
from nmviz.methods.pattern_lists import Patterns
from nmviz.methods.patterns import parse_pattern
from nmviz.methods.scopes import SCOPES, read_blocks, write_blocks
from nmviz.methods.site_lists import Sites
from nmviz.sources.corpora import CORPORA
from nmviz.sources.tasks import SETS, read_tasks

Target = Literal["activation", "weight", "blocks"]
TARGETS: tuple[Target, ...] = ("weight", "activation")
"""What is masked, as the page has it side by side."""
BLOCKS: Target = "blocks"
"""The target where whole blocks are left out and nothing is masked."""
Protocol = Literal["windows", "stride", "second-half"]
USUAL_PROTOCOL: Protocol = "windows"
Ties = Literal["auto", "index", "random"]
LARGEST_BUDGET = 10_000_000
CALLED = {"mitigations": "--mitigate", "projections": "--sites"}
"""Options of the command line whose name is not that of their field."""


def option_of(field: str) -> str:
    """The option of the command line that a setting is."""
    return CALLED.get(field, f"--{field.replace('_', '-')}")


class Settings(BaseModel):
    """What is pruned, how, and on which text it is measured.

    `projections` and `blocks` are the scope; None is all. `blocks` is written `0-3,7`. Where
    projections have different blocks, `projections` has each with its own, such as `q:0-18`, and
    `blocks` is None; both are written as one list, `down; q,gate:0-18`. `bos` says
    whether a begin-of-text token starts every window or only the text, where the tokenizer has one.
    `protocol` says which windows are read and what of them counts in a perplexity, `stride` how far
    one window of the protocol of that name lies behind the other, half a window unless said.
    Where layers have patterns of their own, `plan` has each with its sites, and `pattern` is the
    name of that list.
    With the target `blocks` nothing is masked: `drop` blocks are left out, `by` says which.
    From `corpus` to `seed` None is not known, as published results leave it; a setting of a method
    that is not known is written `?`. Such an experiment can be stored and shown, not run.

    With `tasks` those are run instead of reading a text: `corpus` to `stride` are None and
    belong to no such experiment. `limit` counts the examples taken of each task (of each of its
    parts), all where it is None; with `chat` a prompt is put into the model's chat template, behind
    `shots` solved examples (None: not known). Runs of our own have none, results of lm-eval may;
    they name no tasks here, since one file may hold many, and of their text nothing is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        "smollm2-135m",
        min_length=1,
        max_length=300,
        title="Model",
        description="A pinned model, a Hub id, a folder or a GGUF file.",
    )
    target: Target = Field(
        "activation", title="Target", description="activation, weight, or blocks (whole ones)."
    )
    pattern: str = Field(
        "8:16",
        title="Pattern",
        description="N:M (keep N of every M), P%, or a plan: p.yaml.",
    )
    plan: tuple[str, ...] | None = None  # no title: a file or the name of a known one is given
    criterion: str = Field(
        "magnitude", title="Criterion", description="How entries are ranked: see nmviz methods."
    )
    mitigations: tuple[str, ...] = Field(
        (), title="Mitigations", description="In order, such as d-pts,var."
    )
    ties: Ties = Field(
        "auto",
        title="Ties between weights",
        description="auto, index or random: who stays of weights that rank alike. auto is random, "
        "the mean over five draws, where more than 1% tie, else index: the lower index.",
    )
    projections: tuple[str, ...] | None = Field(
        None,
        title="Projections",
        description=f"Projections, such as q,k,v, or one of {', '.join(SCOPES)}, in mixtures also "
        "experts and router; or both with blocks, and ; between groups: 'down; q,gate:0-18'.",
    )
    blocks: str | None = Field(
        None, title="Blocks", description="Such as 0-3,7, for sites that name none themselves."
    )
    drop: int | None = Field(
        None,
        ge=1,
        le=10_000,
        title="Blocks to leave out",
        description="With --target blocks: so many pass their input on.",
    )
    by: str | None = Field(
        None,
        min_length=1,
        max_length=1000,
        title="Which blocks",
        description="cost (those whose removal alone costs least on calibration text, as usual), "
        "attribution (one after the other, measured anew each time), last (the deepest before the "
        "very last), or a list such as 3,7-9.",
    )
    corpus: str | None = Field(
        "wiki-leads",
        min_length=1,
        max_length=100,
        title="Text to measure on",
        description=f"{' or '.join(CORPORA)}.",
    )
    tokens: int | None = Field(
        2048, ge=2, le=LARGEST_BUDGET, title="Token budget", description="Tokens to read."
    )
    window: int | None = Field(
        512, ge=2, le=LARGEST_BUDGET, title="Window", description="Tokens read at once."
    )
    bos: Literal["window", "once"] | None = Field(
        "window",
        title="Begin-of-text token",
        description="window or once, where the model has one.",
    )
    protocol: Protocol | None = Field(
        USUAL_PROTOCOL,
        title="Protocol",
        description="windows (without overlap), stride (as transformers documents it) or "
        "second-half (of every window, as llama.cpp).",
    )
    stride: int | None = Field(
        None,
        ge=1,
        le=LARGEST_BUDGET,
        title="Stride",
        description="Tokens from one window to the next under --protocol stride; half a window "
        "unless said.",
    )
    calibration_windows: int | None = Field(
        16,
        ge=0,
        le=10_000,
        title="Calibration windows",
        description="Windows of calibration text, for methods that need it.",
    )
    seed: int | None = Field(0, ge=0, le=2**31 - 1, title="Seed", description="Of every draw.")
    tasks: tuple[str, ...] = Field(
        (),
        title="Tasks",
        description=f"lm-eval's, instead of perplexity: arc_easy,piqa, or {', '.join(SETS)}.",
    )
    limit: int | None = Field(  # one example has no standard error
        None,
        ge=2,
        le=LARGEST_BUDGET,
        title="Examples of each task",
        description="Only the first examples of each task (of each of its parts).",
    )
    chat: bool = Field(
        False,
        title="Chat template",
        description="Put prompts into the chat template. Where its header ends in a line break, "
        "lm-eval moves that break to the answer and scores it too.",
    )
    shots: int | None = Field(0, ge=0, le=10_000)  # no title, so no option: our own have none

    @field_validator("pattern")
    @classmethod
    def _canonical_pattern(cls, text: str) -> str:
        return str(as_value_error(parse_pattern, text))

    @field_validator("projections", mode="before")
    @classmethod
    def _canonical_projections(cls, given: Any) -> Any:
        """Entries such as `down` and `q:0-18`, each projection once."""
        if given is None:
            return None
        if not isinstance(given, (str, list, tuple)):
            raise ValueError("Projections are a list of names such as q,k,v.")
        entries = as_value_error(Sites.read, given).entries
        if not entries:
            raise ValueError("No projection is chosen: the scope is empty; name at least one.")
        return entries

    @field_validator("mitigations", mode="before")
    @classmethod
    def _split_mitigations(cls, given: Any) -> Any:
        return tuple(split_calls(given)) if isinstance(given, str) else given

    @field_validator("tasks", mode="before")
    @classmethod
    def _canonical_tasks(cls, given: Any) -> Any:
        names = given.split(",") if isinstance(given, str) else given
        if not isinstance(names, (list, tuple)):
            raise ValueError("Tasks are a list of names such as arc_easy,piqa.")
        return as_value_error(read_tasks, [str(name).strip() for name in names])

    @field_validator("blocks")
    @classmethod
    def _canonical_blocks(cls, text: str | None) -> str | None:
        return None if text is None else write_blocks(as_value_error(read_blocks, text))

    @field_validator("plan", mode="before")
    @classmethod
    def _canonical_entries(cls, given: Any) -> Any:
        """Patterns with their sites, each pattern once."""
        if given is None:
            return None
        entries = given.split("|") if isinstance(given, str) else given
        if not isinstance(entries, (list, tuple)):
            raise ValueError("A plan is a list of patterns with their sites, such as 2:4 down.")
        return as_value_error(Patterns.read, entries).entries
