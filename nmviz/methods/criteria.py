"""Criteria: how entries are ranked. A new one is one function here.

An activation criterion returns the channel weight c, shape [d_in]: entry j of a token is ranked
by |x_j| * c_j, and None stands for c = 1. It sees x, shape [tokens, d_in], the input of the site
in one window after the mitigations' `before` steps, and the site's weight, shape [d_out, d_in].

A weight criterion returns the scores of all entries, in the weight's shape [d_out, d_in].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nmviz.methods.method import Method, declare
from nmviz.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

ACTIVATION: Registry[Method] = Registry("activation criterion")
WEIGHT: Registry[Method] = Registry("weight criterion")
BY_TARGET = {"activation": ACTIVATION, "weight": WEIGHT}


def criterion(registry: Registry[Method], name: str, **facts: Any) -> Callable[..., Any]:
    """Register the decorated function as a criterion for the registry's target."""

    def register(code: Callable[..., Any]) -> Callable[..., Any]:
        registry.add(name, declare(name, code, **facts))
        return code

    return register


@criterion(ACTIVATION, "magnitude", formula="S = |x_j|", source="ACT in arXiv 2509.22166, eq. 2")
def activation_magnitude(x: Tensor, weight: Tensor) -> None:
    """Magnitude: keep the largest inputs of every token.

    The inputs of a layer are uneven: a few are large and most are near zero, so dropping the small
    ones loses little of the product. The choice is made anew for every token.
    """
    return None


@criterion(WEIGHT, "magnitude", formula="S = |W_ij|", source="WT in arXiv 2509.22166, section 3.2")
def weight_magnitude(weight: Tensor) -> Tensor:
    """Magnitude: keep the largest weights.

    The choice is made once, without looking at any text. Weights have few extremes, so a small
    weight may still meet a large input.
    """
    return weight.abs()
