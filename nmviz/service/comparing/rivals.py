"""The best that is stored of pruned weights beside what is shown, so that one weak way to prune
them is not taken for all."""

from collections.abc import Mapping

from nmviz.core.pairing import same_text
from nmviz.core.results import Column, Result
from nmviz.service.runs import store


def best_weights(shown: Mapping[Column, Result]) -> Result | None:
    """Of all stored ways to prune weights with the pattern, the layers and the text of what is
    shown, the one that costs least; None where nothing is shown, or none has a known cost."""
    one = shown.get("activation") or shown.get("weight")
    if one is None:
        return None
    alike = [run for run in store().own_runs() if _is_rival(run, one)]
    return min(alike, key=_cost, default=None)


def _is_rival(run: Result, one: Result) -> bool:
    ours, theirs = run.experiment, one.experiment
    same = (ours.pattern, ours.projections, ours.blocks)
    return (
        ours.target == "weight"
        and run.get("delta_nll") is not None
        and same == (theirs.pattern, theirs.projections, theirs.blocks)
        and same_text(ours, theirs)
    )


def _cost(run: Result) -> float:
    cost = run.get("delta_nll")
    return float("inf") if cost is None else cost.value
