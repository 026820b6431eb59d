"""The best that is stored of pruned weights beside what is shown, so that one weak way to prune
them is not taken for all."""

from collections.abc import Mapping

from nmviz.core.pairing import same_text
from nmviz.core.results import Column, Result
from nmviz.service.runs import store
from nmviz.store import OWN

READ = {"model", "pattern", "corpus", "tokens", "window"}
"""What the store is asked for: an answer stands until a run is added that has all of these."""


def best_weights(shown: Mapping[Column, Result]) -> Result | None:
    """Of all stored ways to prune weights with the pattern, the layers and the text of what is
    shown, the one that costs least; None where nothing is shown, or none has a known cost."""
    one = shown.get("activation") or shown.get("weight")
    if one is None:
        return None
    asked = one.experiment.model_dump(include=READ)
    found = store().find(sites=False, source=OWN, target="weight", **asked)
    return min((run for run in found if _is_rival(run, one)), key=_cost, default=None)


def _is_rival(run: Result, one: Result) -> bool:
    ours, theirs = run.experiment, one.experiment
    same = (ours.projections, ours.blocks) == (theirs.projections, theirs.blocks)
    return same and run.get("delta_nll") is not None and same_text(ours, theirs)


def _cost(run: Result) -> float:
    cost = run.get("delta_nll")
    return float("inf") if cost is None else cost.value
