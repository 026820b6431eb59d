"""What every method declares, and how a call to one is written: `name(parameter=value)`."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nmviz.errors import UserError
from nmviz.registry import Registry

Value = int | float | str | bool


@dataclass(frozen=True)
class Parameter:
    """One setting of a method, read from the signature of the code that uses it."""

    name: str
    default: Value

    def read(self, text: str) -> Value:
        """The value written as `text`, in the type of the default. UserError when it is not one."""
        kind = type(self.default)
        if kind is bool and text.lower() in ("true", "false"):
            return text.lower() == "true"
        try:
            if kind is not bool:
                return kind(text)
        except ValueError:
            pass
        raise UserError(
            f"{self.name}={text[:40]} is not a {kind.__name__}, such as {self.default}."
        )


@dataclass(frozen=True)
class Method:
    """A criterion or a mitigation as the page, the command line and the engine see it."""

    name: str
    title: str  # first line of the docstring: for the menu
    help: str  # the rest of the docstring: for the page
    formula: str
    source: str
    parameters: tuple[Parameter, ...]
    code: Callable[..., Any]
    calibrated: bool = False  # needs calibration text


@dataclass(frozen=True)
class Call:
    """A method with its parameters; `str` gives the canonical text (defaults left out)."""

    method: Method
    arguments: tuple[tuple[str, Value], ...]  # every parameter, in declared order

    def __str__(self) -> str:
        defaults = {p.name: p.default for p in self.method.parameters}
        changed = [f"{name}={value}" for name, value in self.arguments if value != defaults[name]]
        return f"{self.method.name}({', '.join(changed)})" if changed else self.method.name

    @property
    def settings(self) -> dict[str, Value]:
        return dict(self.arguments)


def declare(
    name: str, code: Callable[..., Any], formula: str, source: str, calibrated: bool = False
) -> Method:
    """A Method out of a function or class: docstring and keyword-only parameters with defaults."""
    title, _, rest = inspect.cleandoc(code.__doc__ or "").partition("\n")
    if not title:
        raise ValueError(f"method {name!r} has no docstring: it is the help on the page")
    parameters = tuple(
        Parameter(p.name, p.default)
        for p in inspect.signature(code).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    )
    return Method(name, title, rest.strip(), formula, source, parameters, code, calibrated)


def parse_call(text: str, registry: Registry[Method]) -> Call:
    """`magnitude` or `ria(power=0.5)`. UserError for an unknown method, parameter or value."""
    match = re.fullmatch(r"\s*([\w-]{1,40})\s*(?:\(([^()]{0,200})\))?\s*", text)
    if not match:
        raise UserError(
            f"{text[:60]!r} is not a {registry.kind}: write name or name(setting=value)."
        )
    method = registry.get(match[1])
    given = _assignments(match[2] or "", method)
    return Call(method, tuple((p.name, given.get(p.name, p.default)) for p in method.parameters))


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
        given[name.strip()] = known.get(name.strip()).read(value.strip())
    return given
