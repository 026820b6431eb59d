"""What the best stored way to prune weights says of the two that are shown."""

from collections.abc import Mapping
from math import isfinite

from nmviz.core.pairing import cost_difference, told_apart
from nmviz.core.results import Column, Result
from nmviz.views.explore.sentences import how_and_where
from nmviz.views.shared.numbers import with_error


def beside_the_best(shown: Mapping[Column, Result], best: Result | None) -> str:
    """A sentence on the cheapest stored way to prune weights, held against the pruned activations
    that are shown; empty where it is the one that is shown, or a cost is not known."""
    activation, weight = shown.get("activation"), shown.get("weight")
    if best is None or (weight is not None and weight.key == best.key):
        return ""
    cost = best.get("delta_nll")
    if cost is None or not isfinite(cost.value):
        return ""
    number = with_error(cost.value, cost.stderr)
    said = f"Weights can do better: of what is stored, {how_and_where(best.experiment)}"
    said = f"{said} costs least, {number}"
    return said + ("." if activation is None else f", {_beside(best, activation)}.")


def _beside(best: Result, activation: Result) -> str:
    apart = cost_difference(best, activation)
    if apart is None:
        return "which cannot be compared with activations"
    number = with_error(abs(apart.value), apart.stderr)
    verdict = told_apart(best, activation)
    if verdict == "real":
        return f"{'more' if apart.value > 0 else 'less'} than activations, by {number}"
    why = "below what rounding does" if verdict == "below the noise floor" else "within the noise"
    return f"{number} from activations, which is {why}"
