"""The registry is loud."""

import pytest

from nmviz.base.errors import UserError
from nmviz.base.registry import Registry


def filled() -> Registry[int]:
    registry: Registry[int] = Registry("number")
    registry.add("one", 1)
    registry.add("two", 2)
    return registry


def test_entries_keep_their_order() -> None:
    assert list(filled()) == ["one", "two"]
    assert filled().values() == [1, 2]
    assert len(filled()) == 2
    assert "one" in filled()


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        filled().add("one", 3)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="no number 'onw'; did you mean one"):
        filled().get("onw")
    with pytest.raises(UserError, match="known: one, two"):
        filled().get("zzzz")


def test_frozen_means_frozen() -> None:
    registry = filled()
    registry.freeze()
    with pytest.raises(RuntimeError, match="frozen"):
        registry.add("three", 3)
