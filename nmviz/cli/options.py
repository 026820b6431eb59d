"""Options: what many commands have, and the fields of a model, declared there with their help."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, get_args

import typer
from pydantic import BaseModel

from nmviz.base import holding
from nmviz.base.memory import free_memory
from nmviz.core.settings import option_of

Command = Callable[..., None]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Memory = Annotated[
    str | None,
    typer.Option(
        help="What the process may take in all, such as 4GiB; else NMVIZ_MEMORY, else what is "
        "free. A model that does not fit is run block by block."
    ),
]
STOPPED = 130  # exit status of what was interrupted

NEGATED = {"keep": ("--no-store", "Do not keep the result.")}
"""Options that switch their field off, and their help."""


@dataclass(frozen=True)
class Fields:
    """Some fields of a model."""

    model: type[BaseModel]
    names: tuple[str, ...]


def bound_of(memory: str | None, here: bool = True) -> int | None:
    """Bytes that the process may take by what was given as `Memory`; None where nobody tells, or
    it runs elsewhere. UserError for what is no size."""
    given = holding.of_process(memory)
    return free_memory() if given is None and here else given


def fields_of(model: type[BaseModel], *names: str) -> Fields:
    """Those of the names, or all that have a title: a person sets them."""
    titled = tuple(name for name, field in model.model_fields.items() if field.title)
    return Fields(model, names or titled)


def options_of(**groups: Fields) -> Callable[[Command], Command]:
    """Give a command an option a field in place of each of these parameters.

    In their place it is called with dicts of what was given by field, not validated yet; a list is
    given as one text, its parts separated by commas.
    """

    def decorate(command: Command) -> Command:
        own = signature(command)

        @wraps(command)
        def called(**given: Any) -> None:
            taken = {place: _taken(group, given) for place, group in groups.items()}
            rest = given.keys() - {name for group in groups.values() for name in group.names}
            command(**taken, **{name: given[name] for name in rest})

        parameters: list[Parameter] = []
        for parameter in own.parameters.values():
            if group := groups.get(parameter.name):
                parameters += [_option(group.model, name) for name in group.names]
            else:
                parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
        called.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return called

    return decorate


def given_to(context: typer.Context) -> set[str]:
    """The names of the parameters that a person gave a value, be it the usual one."""
    source = context.get_parameter_source
    return {name for name in context.params if getattr(source(name), "name", "") == "COMMANDLINE"}


def _taken(group: Fields, given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: not given[name] if name in NEGATED else given[name] for name in group.names}


def _option(model: type[BaseModel], name: str) -> Parameter:
    """One field as a parameter that typer reads: numbers and flags as they are, all else as text.

    The name of a flag is written out: typer would make --chat and --no-chat of it.
    """
    field = model.model_fields[name]
    kinds = {field.annotation, *get_args(field.annotation)}
    kind: Any = next((kind for kind in (bool, int, float) if kind in kinds), str)
    usual = field.get_default(call_default_factory=True)
    default = ",".join(usual) if isinstance(usual, tuple) else usual
    default = not default if name in NEGATED else default
    called, help = NEGATED.get(name, (option_of(name), field.description))
    told = typer.Option(called, help=help)
    whole: Any = kind if default is not None else kind | None
    annotation = Annotated[whole, told]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
