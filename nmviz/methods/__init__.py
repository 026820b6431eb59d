"""Patterns, criteria and mitigations. Loading this package fills and freezes the registries."""

from nmviz.methods.criteria import ACTIVATION, BY_TARGET, WEIGHT
from nmviz.methods.mitigations import MITIGATIONS

for _registry in (ACTIVATION, WEIGHT, MITIGATIONS):
    _registry.freeze()

__all__ = ["ACTIVATION", "BY_TARGET", "MITIGATIONS", "WEIGHT"]
