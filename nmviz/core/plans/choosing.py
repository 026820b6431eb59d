"""Which layers a plan prunes: an order of them, cut to a budget of multiply-adds."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from nmviz.base.errors import UserError
from nmviz.core.plans.plan import Layer, Plan
from nmviz.methods.patterns import Pattern

AMBER_BLOCKS = 32
AMBER_SPARED = (19, 21, 28, 30, 31)
"""Blocks of Llama 3.1 8B whose q and gate Amber-Pruner (arXiv 2508.02128) leaves dense."""
AMBER_ORDER = ("down", "gate", "q")
"""What it prunes: down everywhere, then gate and q; k, v, o and up are left dense."""


def cut(order: Iterable[Layer], all_layers: Sequence[Layer], budget: float) -> list[Layer]:
    """The first layers of an order whose multiply-adds, of those of all layers, come to the share
    `budget`: one that would go beyond it is left out and the next tried.

    UserError for a budget outside 0..1, or one that holds no layer.
    """
    check_budget(budget)
    room = Fraction(budget) * sum(layer.multiply_adds for layer in all_layers)
    chosen: list[Layer] = []
    for layer in order:
        if layer.multiply_adds <= room:
            room -= layer.multiply_adds
            chosen.append(layer)
    if not chosen:
        raise UserError(f"A budget of {budget:g} holds no layer of this model: raise it.")
    return chosen


def check_budget(budget: float) -> None:
    """UserError outside 0..1."""
    if not 0 < budget <= 1:
        raise UserError(
            f"A budget is a share of the multiply-adds, above 0 up to 1, not {budget:g}."
        )


def budget_of(sparsity: float, pattern: Pattern) -> float:
    """The share of multiply-adds that a mean sparsity is at this pattern. UserError where the
    pattern drops less than that everywhere, or nothing."""
    dropped = 1 - pattern.density
    if not 0 < sparsity <= dropped:
        raise UserError(
            f"A mean sparsity at {pattern} is above 0 up to {dropped:g}, not {sparsity:g}."
        )
    return sparsity / dropped


def share(chosen: Iterable[Layer], all_layers: Sequence[Layer]) -> float:
    """Their share of the multiply-adds of all layers, 0..1."""
    whole = sum(layer.multiply_adds for layer in all_layers)
    return sum(layer.multiply_adds for layer in chosen) / whole


def by_cost(costs: Mapping[str, float], layers: Sequence[Layer]) -> list[Layer]:
    """The layers by what they cost for each multiply-add, the cheapest first; those without a cost
    are left out."""
    known = [layer for layer in layers if layer.name in costs]
    return sorted(known, key=lambda layer: costs[layer.name] / layer.multiply_adds)


def amber(layers: Sequence[Layer]) -> list[Layer]:
    """Amber-Pruner's choice, its spared blocks moved to the same depth of a model of another length
    (no list of this model is published): down, gate, then q, block by block; the rest is left out.
    """
    count = 1 + max(layer.block for layer in layers)
    spared = {round(number * (count - 1) / (AMBER_BLOCKS - 1)) for number in AMBER_SPARED}
    chosen = [
        layer
        for name in AMBER_ORDER
        for layer in layers
        if layer.projection == name and (name == "down" or layer.block not in spared)
    ]
    if not chosen:
        names = ", ".join(AMBER_ORDER)
        raise UserError(f"Amber-Pruner's layers are {names}, and this model has none of them.")
    return chosen


def planned(chosen: Iterable[Layer], pattern: str, about: Sequence[str] = ()) -> Plan:
    """The plan that prunes these layers, in the model's order as they are given."""
    return Plan({layer.name: pattern for layer in chosen}, about=about)
