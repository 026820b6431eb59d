"""Every registered method: declared in full, and its calls written and read back."""

import pytest

from nmviz.base.errors import UserError
from nmviz.base.registry import Registry
from nmviz.methods.method import Method, declare, parse_call, split_calls


def numbers() -> Registry[Method]:
    def power(x: float, *, exponent: float = 2.0, rounded: bool = False, steps: int = 1) -> float:
        """Raise to a power."""
        return x**exponent

    registry: Registry[Method] = Registry("operation")
    registry.add("power", declare("power", power, formula="x^p", source="here"))
    return registry


def test_a_call_is_written_without_its_defaults() -> None:
    registry = numbers()
    call = parse_call("power( rounded=true , exponent=2 )", registry)
    assert call.settings == {"exponent": 2.0, "rounded": True, "steps": 1}
    assert str(call) == "power(rounded=True)"
    assert parse_call(str(call), registry) == call
    assert str(parse_call("power", registry)) == "power"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("power(exponent)", "not setting=value"),
        ("power(exponent=two)", "not a float"),
        ("power(rounded=maybe)", "not a bool"),
        ("power(exponnt=2)", "did you mean exponent"),
        ("root", "no operation"),
        ("power(exponent=2", "write the operation as name"),
    ],
)
def test_a_wrong_call_is_refused(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_call(text, numbers())


def test_calls_are_split_at_commas_outside_brackets() -> None:
    assert split_calls("a(x=1,y=2), b,") == ["a(x=1,y=2)", "b"]
