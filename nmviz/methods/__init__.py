"""Patterns, criteria and mitigations. Loading this package fills and freezes the registries."""

from nmviz.methods.activation_criteria import ACTIVATION
from nmviz.methods.mitigations import MITIGATIONS
from nmviz.methods.weight_criteria import WEIGHT

BY_TARGET = {"activation": ACTIVATION, "weight": WEIGHT, "blocks": ACTIVATION}
"""Where blocks are left out nothing is ranked: such an experiment has the usual criterion."""

_ALL = (ACTIVATION, WEIGHT, MITIGATIONS)
for _registry in _ALL:
    _registry.beside(*(one for one in _ALL if one is not _registry))
    for _method in _registry.values():
        if _method.facts.adds is None:
            raise ValueError(f"{_method.name} does not say what it adds: costs.nothing where 0")
    _registry.freeze()

__all__ = ["ACTIVATION", "BY_TARGET", "MITIGATIONS", "WEIGHT"]
