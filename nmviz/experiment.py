"""Experiment: one question, frozen and validated. It is the URL, the form and the store's key."""

import hashlib
import json
import re
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nmviz.errors import UserError
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.method import Call, parse_call, split_calls
from nmviz.methods.patterns import Pattern, parse_pattern

Target = Literal["activation", "weight"]
TARGETS: tuple[Target, ...] = ("weight", "activation")
LARGEST_BUDGET = 10_000_000


class Artefacts(BaseModel):
    """SHA-256 of what the experiment reads; None where it is not known (published results)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    corpus: str | None = None


class Reading(NamedTuple):
    """How the text is read, every part of it known."""

    corpus: str
    tokens: int
    window: int
    bos: Literal["window", "once"]
    calibration_windows: int
    seed: int


class Experiment(BaseModel):
    """What is pruned, how, and on which text it is measured.

    `projections` and `blocks` are the scope; None is all. `blocks` is written `0-3,7`. `bos` says
    whether a begin-of-text token starts every window or only the text, where the tokenizer has one.
    From `corpus` to `seed` None is not known, as published results leave it; a setting of a method
    that is not known is written `?`. Such an experiment can be stored and shown, not run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field("smollm2-135m", min_length=1, max_length=300)
    target: Target = "activation"
    pattern: str = "8:16"
    criterion: str = "magnitude"
    mitigations: tuple[str, ...] = ()
    projections: tuple[str, ...] | None = None
    blocks: str | None = None
    corpus: str | None = Field("wiki-leads", min_length=1, max_length=100)
    tokens: int | None = Field(2048, ge=2, le=LARGEST_BUDGET)
    window: int | None = Field(512, ge=2, le=LARGEST_BUDGET)
    bos: Literal["window", "once"] | None = "window"
    calibration_windows: int | None = Field(16, ge=0, le=10_000)
    seed: int | None = Field(0, ge=0, le=2**31 - 1)
    artefacts: Artefacts = Artefacts()

    @classmethod
    def build(cls, **fields: Any) -> Self:
        """An Experiment from loose values. UserError, one sentence, for the first that is wrong."""
        try:
            return cls(**fields)
        except ValidationError as error:
            raise UserError(_first_sentence(error)) from None

    def but(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated again."""
        return self.build(**{**self.model_dump(), **changes})

    @field_validator("pattern")
    @classmethod
    def _canonical_pattern(cls, text: str) -> str:
        return str(_as_value_error(parse_pattern, text))

    @field_validator("projections", mode="before")
    @classmethod
    def _canonical_projections(cls, given: Any) -> Any:
        names = given.split(",") if isinstance(given, str) else given
        if names is None:
            return None
        if not isinstance(names, (list, tuple)):
            raise ValueError("Projections are a list of names such as q,k,v.")
        cleaned = tuple(dict.fromkeys(str(name).strip() for name in names if str(name).strip()))
        if not cleaned:
            raise ValueError("No projection is chosen: the scope is empty; name at least one.")
        return cleaned

    @field_validator("mitigations", mode="before")
    @classmethod
    def _split_mitigations(cls, given: Any) -> Any:
        return tuple(split_calls(given)) if isinstance(given, str) else given

    @field_validator("blocks")
    @classmethod
    def _canonical_blocks(cls, text: str | None) -> str | None:
        return None if text is None else write_blocks(_as_value_error(read_blocks, text))

    @model_validator(mode="before")
    @classmethod
    def _plain_when_dense(cls, given: Any) -> Any:
        """Dense prunes nothing, so what would be pruned and how is no part of its identity."""
        if isinstance(given, dict) and str(given.get("pattern", "")).strip().lower() == "dense":
            plain = {"target": "activation", "criterion": "magnitude", "mitigations": ()}
            return {**given, **plain, "projections": None, "blocks": None}
        return given

    @model_validator(mode="after")
    def _canonical_methods(self) -> Self:
        criterion = _as_value_error(parse_call, self.criterion, BY_TARGET[self.target])
        steps = [_as_value_error(parse_call, text, MITIGATIONS) for text in self.mitigations]
        if steps and self.target == "weight":
            raise ValueError("Mitigations repair pruned activations: leave them out for weights.")
        _check_fit(self.mask, [criterion, *steps])
        if self.window is not None and self.tokens is not None and self.window > self.tokens:
            raise ValueError(
                f"A budget of {self.tokens} tokens is shorter than one window of {self.window}: "
                "raise the budget or shorten the window."
            )
        calibrated = [c.method.name for c in (criterion, *steps) if c.method.calibrated]
        if not calibrated:
            object.__setattr__(self, "calibration_windows", 0)
        elif self.calibration_windows == 0:
            raise ValueError(
                f"{calibrated[0]} is calibrated on text: give it at least one calibration window."
            )
        object.__setattr__(self, "criterion", str(criterion))
        object.__setattr__(self, "mitigations", tuple(str(step) for step in steps))
        return self

    @property
    def mask(self) -> Pattern:
        """The pattern, parsed."""
        return parse_pattern(self.pattern)

    @property
    def unknown(self) -> tuple[str, ...]:
        """What is not known of it: fields of `Reading`, and settings such as `r-sparse(rank)`."""
        calls = [parse_call(self.criterion, BY_TARGET[self.target])]
        calls += [parse_call(text, MITIGATIONS) for text in self.mitigations]
        fields = [name for name in Reading._fields if getattr(self, name) is None]
        return (*fields, *(f"{c.method.name}({name})" for c in calls for name in c.unknown))

    @property
    def reading(self) -> Reading:
        """How the text is read. UserError where part of the experiment is not known."""
        if self.unknown:
            raise UserError(
                f"This experiment cannot be run: {', '.join(self.unknown)} of it is not known; "
                "name a value."
            )
        return Reading(*(getattr(self, name) for name in Reading._fields))

    def canonical_json(self) -> str:
        """Sorted keys, no spaces: equal experiments, equal text, which reads back the same."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def to_json(self) -> dict[str, Any]:
        """The fields without what is None by default; null where a part of `Reading` is unknown."""
        unknown = {name: None for name in Reading._fields if getattr(self, name) is None}
        return {**self.model_dump(mode="json", exclude_none=True), **unknown}

    @property
    def key(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    def to_query(self) -> str:
        """URL query of every field that differs from the default; hashes are found again."""
        defaults = type(self)().model_dump()
        fields = self.model_dump(exclude={"artefacts"})
        changed = {name: value for name, value in fields.items() if value != defaults[name]}
        return urlencode({name: _query_text(value) for name, value in changed.items()})

    @classmethod
    def from_query(cls, query: str) -> Self:
        """The experiment a query names. UserError for unknown names and wrong values."""
        pairs = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
        unknown = set(pairs) - (set(cls.model_fields) - {"artefacts"})
        if unknown:
            raise UserError(f"The address names no setting {sorted(unknown)[0][:40]!r}: check it.")
        return cls.build(**pairs)


def read_blocks(text: str) -> list[int]:
    """`0-3,7` to [0, 1, 2, 3, 7]. UserError when it is not a list of ranges."""
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*", part)
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise UserError(
                f"{text[:40]!r} is not a range of blocks: write 0-3,7 for 0 to 3 and 7."
            )
        numbers.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return sorted(numbers)


def write_blocks(numbers: list[int]) -> str:
    """[0, 1, 2, 3, 7] to `0-3,7`, the inverse of `read_blocks`."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def _check_fit(pattern: Pattern, calls: list[Call]) -> None:
    """ValueError, one sentence, when the methods do not fit the pattern or one another."""
    names = [call.method.name for call in calls]
    if len(set(names[1:])) < len(names[1:]):
        raise ValueError("A mitigation is named twice: name each once.")
    for call in calls:
        method = call.method
        if refusal := method.refusal(pattern):
            raise ValueError(refusal)
        for other in set(call.excludes) & set(names):
            reason = method.facts.because
            raise ValueError(
                f"{method.name} and {other} do not go together: {reason}; leave one out."
            )


def _query_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _as_value_error(function: Any, *arguments: Any) -> Any:
    """pydantic collects ValueErrors; ours are raised again as UserError by `build`."""
    try:
        return function(*arguments)
    except UserError as error:
        raise ValueError(str(error)) from None


def _first_sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    name = ".".join(map(str, first["loc"]))
    return (
        f"{name or 'The experiment'}: {first['msg'].lower()} (given: {str(first['input'])[:60]})."
    )
