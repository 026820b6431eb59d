"""Values that a pydantic model refuses, said in one plain sentence under the field's own title."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nmviz.base.errors import SettingError, UserError

M = TypeVar("M", bound=BaseModel)
N = TypeVar("N", bound=str)
Details = Mapping[str, Any]

LONGEST_SHOWN = 60
LONGEST_NAME = 40
WHOLE = "is a whole number"
SAID: dict[str, Callable[[Details], str]] = {
    "int_parsing": lambda _: WHOLE,
    "int_parsing_size": lambda _: WHOLE,
    "int_type": lambda _: WHOLE,
    "int_from_float": lambda _: WHOLE,
    "float_parsing": lambda _: "is a number",
    "float_type": lambda _: "is a number",
    "finite_number": lambda _: "is a finite number",
    "bool_parsing": lambda _: "is true or false",
    "bool_type": lambda _: "is true or false",
    "string_type": lambda _: "is a text",
    "greater_than_equal": lambda about: f"is at least {about['ge']:,}",
    "less_than_equal": lambda about: f"is at most {about['le']:,}",
    "tuple_type": lambda _: "is a list",
    "model_type": lambda _: "is an object",
    "string_too_short": lambda _: "is at least one character long",
    "string_too_long": lambda about: f"is at most {about['max_length']:,} characters long",
    "literal_error": lambda about: f"is {about['expected']}",
    "extra_forbidden": lambda _: "is no setting",
}
"""pydantic's name of what is wrong, and how a person says it."""


class WrongValue(ValueError):
    """What a check of several fields refuses, and the field to change."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.field = field


def built(model: type[M], fields: Mapping[str, Any]) -> M:
    """The model of these values. SettingError, one sentence, for the first that is wrong."""
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        raise _first(model, error) from None


def _first(model: type[BaseModel], error: ValidationError) -> SettingError:
    """What is wrong with the first value that is refused, and what was given."""
    first: Any = error.errors(include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "value_error":  # one of our own
        own = first["ctx"]["error"]
        return SettingError(str(own), getattr(own, "field", field))
    say = SAID.get(first["type"], lambda _: first["msg"].lower().removeprefix("input "))
    called = called_in(model, *first["loc"][:1])
    said = f"{called} {say(first.get('ctx', {}))}; {_given(first['type'], first['input'])}."
    return SettingError(said, field)


def _given(kind: str, value: Any) -> str:
    """What was given, in words: a long text is not written out."""
    if kind == "string_too_long":
        return "what is given is longer"
    shown = "" if value is None or value == [] else str(value)[:LONGEST_SHOWN]
    return f"given: {shown}" if shown.strip() else "nothing is given"


def called_in(model: type[BaseModel], place: object = "") -> str:
    """The title of a field, with its name where that is another; an unknown field as it is."""
    name = str(place)
    field = model.model_fields.get(name)
    if field is None:
        return repr(name[:LONGEST_SHOWN])
    title = field.title or name.replace("_", " ").capitalize()
    return title if title.lower().replace(" ", "_") == name else f"{title} ({name})"


def as_value_error(function: Any, *arguments: Any) -> Any:
    """What a function gives inside a check of a model: pydantic collects ValueErrors, which `built`
    says in a sentence again."""
    try:
        return function(*arguments)
    except UserError as error:
        raise ValueError(str(error)) from None


def one_of(given: str, known: Sequence[N], said: str) -> N:
    """The one of the known names that is given. UserError for another: `said` begins it, as in
    "Layers are chosen by"."""
    for name in known:
        if given == name:
            return name
    raise UserError(f"{said} {', '.join(known)}, not by {given[:LONGEST_NAME]!r}.")
