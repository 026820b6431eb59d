"""Every control of the form with a value of each JSON type: what is wrong is said, none breaks."""

from typing import Any

import pytest

from nmviz import service
from nmviz.ui.explore import handlers
from nmviz.ui.explore.form.controls import FIELDS, values_of
from nmviz.ui.explore.form.values import asked
from nmviz.ui.shell.failures import UNEXPECTED
from nmviz.ui.shell.limits import settle
from nmviz.ui.shell.view import View

GIVEN = (None, True, 5, 1.5, "some words", "", [], [1], ["a"], [["a"]], {}, {"a": 1})
NO_NUMBER = ("tokens", "window", "seed")


def values(**changes: Any) -> list[Any]:
    """What the form gives while all but these stand at their values."""
    view = settle(View())
    model = next(one for one in service.catalogue().models if one.id == view.experiment.model)
    fields = {**dict.fromkeys(FIELDS), **values_of(view, model), **changes}
    return [fields[name] for name in FIELDS]


@pytest.mark.usefixtures("module_store")
@pytest.mark.parametrize("name", FIELDS)
def test_no_value_of_a_control_is_unexpected(name: str) -> None:
    own = {"corpus": "text"} if name == "text" else {}
    for given in GIVEN:
        form = values(**{**own, name: given})
        asked(form)
        for update in (handlers.changed(form, None, "local"), handlers.moved(form)):
            assert UNEXPECTED not in str(update), (name, given)


@pytest.mark.usefixtures("module_store")
@pytest.mark.parametrize("name", NO_NUMBER)
def test_a_number_that_is_cleared_is_the_one_that_is_wrong(name: str) -> None:
    wrong = asked(values(**{name: None})).wrong
    assert list(wrong) == [name] and "give a value for" in wrong[name]


@pytest.mark.usefixtures("module_store")
def test_a_number_for_the_mitigations_is_said_to_be_no_list() -> None:
    assert asked(values(mitigations=5)).wrong == {"mitigations": "Mitigations is a list; given: 5."}
