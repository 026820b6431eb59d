"""What every method declares, and how a call to one is written: `name(parameter=value)`."""

import inspect
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

from nmviz.base.errors import UserError
from nmviz.base.registry import Registry
from nmviz.methods.costs import Added, Adds
from nmviz.methods.patterns import Pattern

Value = int | float | str | bool

UNKNOWN = "?"
"""A setting that a published result does not say."""

Gives = Literal["channel", "scores", "threshold", "weight"]
"""What a criterion's code returns: a channel weight c for |x_j| * c_j; scores of all entries; a
threshold below which |x| is dropped; or a weight that is pruned already."""

Needs = Literal["nothing", "weight", "inputs", "gradients"]
"""What a method's state at a site is made from: nothing, the weight alone, the site's inputs on
calibration text, or the loss's gradients on it."""


@dataclass(frozen=True)
class Parameter:
    """One setting of a method, read from the signature of the code that uses it."""

    name: str
    default: Value
    choices: tuple[str, ...] = ()
    least: float | None = None  # numbers below it are refused

    def read(self, text: str) -> Value:
        """The value written as `text`, in the type of the default. UserError when it is not one."""
        kind = type(self.default)
        if self.choices and text not in self.choices:
            raise UserError(f"{self.name}={text[:40]} is not one of {', '.join(self.choices)}.")
        if kind is bool and text.lower() in ("true", "false"):
            return text.lower() == "true"
        try:
            if kind is not bool:
                return self._check(kind(text), text)
        except ValueError:
            pass
        raise UserError(
            f"{self.name}={text[:40]} is not a {kind.__name__}, such as {self.default}."
        )

    def _check(self, value: Value, text: str) -> Value:
        """UserError for a number that is not finite or too small."""
        if isinstance(value, str):
            return value
        if not isfinite(value):
            raise UserError(f"{self.name}={text[:40]} is not finite: write a number.")
        if self.least is not None and value < self.least:
            raise UserError(f"{self.name}={text[:40]} is too small: it is at least {self.least}.")
        return value


@dataclass(frozen=True)
class Facts:
    """What a method declares beside its code; the registry-wide tests and the page read it."""

    formula: str
    source: str
    adds: Adds | None = None  # (d_out, d_in, **settings) -> Added, 0 said too: see `costs`
    gives: Gives = "channel"
    needs: Needs = "nothing"
    calibrate: Callable[..., Any] | None = None  # (weight, x, pattern, **settings) -> state
    sequential: bool = False  # calibrated on the inputs that the pruned blocks before it give
    learned: bool = False  # its state is trained block by block
    patterns: Literal["any", "N:M", "P%"] = "any"
    uses_pattern: bool = False  # calibration depends on how much is dropped
    sees_input: bool = False  # a criterion's channel weights depend on the input that is masked
    sees_weight: bool = False  # what it makes of an input depends on the site's weight all the same
    excludes: tuple[str, ...] = ()  # methods it makes no sense with
    unless: tuple[str, str] | None = None  # the setting with which it excludes nothing
    because: str = ""  # why, for the page
    left_dense: str = ""  # the first tokens its own published protocol does not prune
    batch_invariant: bool = True  # a token's mask does not depend on the other tokens
    now: dict[str, Value] = field(default_factory=dict, hash=False)  # see `Call.said_now`
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    least: dict[str, float] = field(default_factory=dict, hash=False)  # of numeric settings

    @property
    def same_for_all_sites(self) -> bool:
        """Whether sites that are given the same input may share what it makes of it."""
        return self.needs == "nothing" and not self.sees_weight

    @property
    def sees_mask(self) -> bool:
        """Whether what it is calibrated to depends on the pattern and on the other methods."""
        return self.sequential or self.learned or self.uses_pattern


@dataclass(frozen=True)
class Method:
    """A criterion or a mitigation as the page, the command line and the engine see it."""

    name: str
    title: str  # first line of the docstring: for the menu
    help: str  # the rest of the docstring: for the page
    facts: Facts
    parameters: tuple[Parameter, ...]
    code: Callable[..., Any]

    @property
    def short_title(self) -> str:
        """The title up to the colon: `Wanda`, `Dynamic shift (D-PTS)`."""
        return self.title.partition(":")[0].rstrip(".")

    @property
    def formula(self) -> str:
        return self.facts.formula

    @property
    def source(self) -> str:
        return self.facts.source

    @property
    def as_published(self) -> str:
        """What its own published numbers leave dense, which nothing here does; empty where none."""
        left = self.facts.left_dense
        if not left:
            return ""
        return f"Its published numbers leave {left} of the tokens dense; here all are pruned."

    @property
    def calibrated(self) -> bool:
        """Whether it needs calibration text."""
        return self.facts.needs in ("inputs", "gradients")

    def added(self, d_out: int, d_in: int, **settings: Value) -> Added:
        """What it adds for every token at a layer of that shape; defaults where nothing is said."""
        assert self.facts.adds is not None  # the registries refuse what says nothing
        defaults = {parameter.name: parameter.default for parameter in self.parameters}
        return self.facts.adds(d_out, d_in, **{**defaults, **settings})

    def refusal(self, pattern: Pattern) -> str | None:
        """Why the method does not fit the pattern, in one sentence; None when it does. The name of
        a list says nothing: each of its patterns is asked for."""
        kind = self.facts.patterns
        if pattern.is_dense or pattern.plan or kind == "any":
            return None
        if (kind == "N:M") == pattern.is_grouped:
            return None
        wanted = "an N:M pattern such as 8:16" if kind == "N:M" else "a share such as 50%"
        return f"{self.name} works with {wanted} only, not with {pattern}."


@dataclass(frozen=True)
class Call:
    """A method with its parameters; `str` gives the canonical text (defaults left out)."""

    method: Method
    arguments: tuple[tuple[str, Value], ...]  # every parameter, in declared order
    said: frozenset[str] = field(default=frozenset(), compare=False)  # those that were written

    def __str__(self) -> str:
        return self._written(())

    def canonical(self, pattern: Pattern) -> str:
        """The text with a pattern: as `str`, at P% with the settings of `now` that were said."""
        return self._written(() if pattern.is_grouped else self.said & self.method.facts.now.keys())

    def said_now(self, pattern: Pattern) -> "Call":
        """The call as a run made now means it.

        Where the default of a setting was changed, `now` has what is taken at P% today, and writes
        it; a stored text without the setting keeps its key and means what it meant. At N:M such a
        setting has no say.
        """
        now = {} if pattern.is_grouped or pattern.is_dense else self.method.facts.now
        missing = {name: value for name, value in now.items() if name not in self.said}
        settings = {**self.settings, **missing}
        return Call(self.method, tuple(settings.items()), self.said | missing.keys())

    @property
    def changed(self) -> dict[str, Value]:
        """The settings that differ from their defaults."""
        defaults = {p.name: p.default for p in self.method.parameters}
        return {name: value for name, value in self.arguments if value != defaults[name]}

    @property
    def out_loud(self) -> "Call":
        """The call with all settings said, meaning what it does."""
        return Call(self.method, self.arguments, frozenset(name for name, _ in self.arguments))

    def _written(self, also: Collection[str]) -> str:
        defaults = {p.name: p.default for p in self.method.parameters}
        changed = [
            f"{name}={value}"
            for name, value in self.arguments
            if value != defaults[name] or name in also
        ]
        return f"{self.method.name}({', '.join(changed)})" if changed else self.method.name

    @property
    def settings(self) -> dict[str, Value]:
        return dict(self.arguments)

    def adds(self, d_out: int, d_in: int) -> Added:
        """What it adds for every token at a layer of that shape. UserError where that hangs on a
        setting that is not known."""
        if self.unknown:
            raise UserError(f"What {self} adds is not known: give a value for {self.unknown[0]}.")
        return self.method.added(d_out, d_in, **self.settings)

    def is_batch_invariant(self, pattern: Pattern) -> bool:
        """Whether a token's mask does not depend on the other tokens."""
        looks_around = self.settings.get("over") == "window" and not pattern.is_grouped
        return self.method.facts.batch_invariant and not looks_around

    @property
    def excludes(self) -> tuple[str, ...]:
        """Names of methods that it makes no sense with, as it is set."""
        facts = self.method.facts
        return () if facts.unless and facts.unless in self.arguments else facts.excludes

    @property
    def unknown(self) -> tuple[str, ...]:
        """Settings written `?`: published results do not always say them."""
        return tuple(name for name, value in self.arguments if value == UNKNOWN)


def declare(name: str, code: Callable[..., Any], **facts: Any) -> Method:
    """A Method out of a function or class: docstring and keyword-only parameters with defaults."""
    title, _, rest = inspect.cleandoc(code.__doc__ or "").partition("\n")
    if not title:
        raise ValueError(f"method {name!r} has no docstring: it is the help on the page")
    declared = Facts(**facts)
    parameters = tuple(
        Parameter(p.name, p.default, declared.choices.get(p.name, ()), declared.least.get(p.name))
        for p in inspect.signature(code).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    )
    return Method(name, title, rest.strip(), declared, parameters, code)


def parse_call(text: str, registry: Registry[Method]) -> Call:
    """`magnitude` or `ria(power=0.5)`. UserError for an unknown method, parameter or value."""
    match = re.fullmatch(r"\s*([\w-]{1,40})\s*(?:\(([^()]{0,200})\))?\s*", text)
    if not match:
        raise UserError(f"{text[:60]!r}: write the {registry.kind} as name or name(setting=value).")
    method = registry.get(match[1])
    given = _assignments(match[2] or "", method)
    arguments = tuple((p.name, given.get(p.name, p.default)) for p in method.parameters)
    return Call(method, arguments, frozenset(given))


def split_calls(text: str) -> list[str]:
    """Cut `a(x=1,y=2),b` at the commas outside brackets."""
    return [part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def _assignments(text: str, method: Method) -> dict[str, Value]:
    known: Registry[Parameter] = Registry(f"setting of {method.name}")
    for parameter in method.parameters:
        known.add(parameter.name, parameter)
    given: dict[str, Value] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise UserError(f"{part!r} in {method.name}(...) is not setting=value.")
        parameter, said = known.get(name.strip()), value.strip()
        given[parameter.name] = UNKNOWN if said == UNKNOWN else parameter.read(said)
    return given
