"""The audit: what in the published numbers contradicts itself, found by code."""

from collections.abc import Sequence

from nmviz.audit.finding import Certainty, Finding, marks
from nmviz.published import Names
from nmviz.results import Result

__all__ = ["Certainty", "Finding", "audit", "marks"]


def audit(results: Sequence[Result], names: Names) -> tuple[Finding, ...]:
    """Every finding in published results, each detector's in turn."""
    return ()
