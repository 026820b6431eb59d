"""Round numbers on a log axis, however wide or narrow it is."""

from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmviz.views.shared.log_axis import FEWEST, MOST, log_axis, log_ticks


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (8.0, 300.0, [10, 20, 50, 100, 200]),
        (8.0, 30_000.0, [10, 100, 1_000, 10_000]),
        (1e7, 1e9, [1e7, 2e7, 5e7, 1e8, 2e8, 5e8, 1e9]),
        (1.0, 1e20, [1, 1e3, 1e6, 1e9, 1e12, 1e15, 1e18]),
        (29.1, 38.5, [30, 32, 34, 36, 38]),  # of one value, 33.5, no power of ten is near
        (15.0, 45.0, [20, 30, 40]),
        (0.87, 1.15, [0.9, 1.0, 1.1]),
    ],
)
def test_ticks_by_hand(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == ticks


def test_an_axis_has_its_ends_and_names_its_ticks() -> None:
    assert log_axis(500.0, 2e6) == {
        "type": "log",
        "range": [log10(500.0), log10(2e6)],
        "tickvals": [1e3, 1e4, 1e5, 1e6],
        "ticktext": ["1,000", "10,000", "100,000", "1,000,000"],
    }


@given(st.floats(1e-9, 1e9), st.floats(1.01, 1e12))
def test_every_axis_has_some_ticks_and_not_too_many(low: float, factor: float) -> None:
    ticks = log_ticks(low, low * factor)
    assert FEWEST <= len(ticks) <= MOST
    assert ticks == sorted(set(ticks))
    assert all(low <= tick * (1 + 1e-9) and tick <= low * factor * (1 + 1e-9) for tick in ticks)
