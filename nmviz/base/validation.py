"""Values that a pydantic model refuses, said in one plain sentence under the field's own title."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nmviz.base.errors import SettingError

M = TypeVar("M", bound=BaseModel)
Details = Mapping[str, Any]

LONGEST_SHOWN = 60
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
    "string_too_short": lambda _: "is empty",
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
    given = str(first["input"])[:LONGEST_SHOWN]
    after = f"given: {given}" if given.strip() else "nothing is given"
    said = f"{_called(model, first['loc'])} {say(first.get('ctx', {}))}; {after}."
    return SettingError(said, field)


def _called(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """The title of a field, with its name where that is another; an unknown field as it is."""
    field = model.model_fields.get(str(place[0])) if place else None
    name = ".".join(map(str, place))
    if field is None:
        return repr(name[:LONGEST_SHOWN])
    title = field.title or name.replace("_", " ").capitalize()
    return title if title.lower().replace(" ", "_") == name else f"{title} ({name})"
