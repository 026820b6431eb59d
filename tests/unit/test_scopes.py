"""Named scopes: what each stands for, and what is left to the model to know."""

import pytest

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.methods.scopes import PROJECTIONS, SCOPES, projections


@pytest.mark.parametrize("scope", SCOPES.values(), ids=lambda scope: scope.name)
def test_every_scope_is_some_of_the_seven_in_order(scope: object) -> None:
    assert SCOPES.get(scope.name) is scope
    assert scope.title and "2509.22166" in scope.source
    assert [name for name in PROJECTIONS if name in scope.projections] == list(scope.projections)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        (None, None),
        ("all", None),
        ("key-out-gate-down", ("k", "o", "gate", "down")),
        (" key-value-gate-down ", ("k", "v", "gate", "down")),
        ("without-qkv", ("o", "gate", "up", "down")),
        ("q, k", ("q", "k")),
        ("attn.c_proj", ("attn.c_proj",)),
        ("al", ("al",)),  # only the model knows whether it has such a projection
    ],
)
def test_a_name_or_a_list_is_understood(text: str | None, chosen: tuple[str, ...] | None) -> None:
    assert projections(text) == chosen


def test_a_name_nearly_right_is_answered_with_the_right_one() -> None:
    with pytest.raises(UserError, match="did you mean key-out-gate-down"):
        projections("key-out-gate-dwn")


def test_an_empty_list_is_still_refused() -> None:
    with pytest.raises(UserError, match="the scope is empty"):
        Experiment.build(projections=projections(""))
