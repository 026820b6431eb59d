"""The noise floor beside differences, and what is said where there is none."""

from collections.abc import Sequence

from nmviz.core.pairing import floor_of
from nmviz.core.results import Result

FLOORED = ("delta_nll", "kl")
"""Metrics that a floor is measured of."""


def noise_of(runs: Sequence[Result], metric: str = "delta_nll") -> float | None:
    """The largest floor of the runs, in nats a token; None where none is known, or of another
    metric than those that have one."""
    if metric not in FLOORED:
        return None
    floors = [getattr(floor, metric) for run in runs if (floor := floor_of(run))]
    return max(floors, default=None)


def no_floor(runs: Sequence[Result]) -> str:
    """That the runs have no noise floor, or how many of them; empty where all have one."""
    without = sum(floor_of(run) is None for run in runs)
    if not without:
        return ""
    some = "" if without == len(runs) else f" for {without} of the {len(runs)} runs"
    return f"No noise floor measured{some}."
