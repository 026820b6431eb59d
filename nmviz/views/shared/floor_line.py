"""The noise floor as a dotted line in figures of differences."""

from typing import Any

from nmviz.views.shared.theme import ink

DOTTED = "dotted: what rounding alone does"
"""What the line is called beside a figure."""


def dotted(dark: bool = False) -> dict[str, Any]:
    """How the line is drawn."""
    return {"color": ink(dark).muted, "width": 1, "dash": "dot"}


def dotted_across(floor: float, dark: bool = False) -> dict[str, Any]:
    """The shape of the line across a figure whose y axis is what the floor is of."""
    ends = {"x0": 0, "x1": 1, "xref": "x domain", "y0": floor, "y1": floor}
    return {"type": "line", "layer": "below", "line": dotted(dark), **ends}
