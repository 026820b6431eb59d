"""The audit: what in the published numbers contradicts itself, found by code."""

from collections.abc import Callable, Iterator, Sequence
from types import MappingProxyType

from nmviz.core.results import Result
from nmviz.published import Names
from nmviz.published.audit.averages import find_averages
from nmviz.published.audit.contradictions import find_contradictions
from nmviz.published.audit.copies import find_copies
from nmviz.published.audit.drops import find_drops
from nmviz.published.audit.finding import Certainty, Finding, marks
from nmviz.published.audit.ignored import find_ignored
from nmviz.published.audit.known import KNOWN, Known
from nmviz.published.audit.logs import Beside, find_logs, reproduced
from nmviz.published.audit.noise import find_noise
from nmviz.published.audit.order import find_order
from nmviz.published.audit.perplexity import find_perplexities
from nmviz.published.audit.printed import Rows
from nmviz.published.audit.report import Report
from nmviz.published.audit.settings import find_settings
from nmviz.published.audit.typos import find_typos

__all__ = [
    "DETECTORS",
    "KNOWN",
    "Beside",
    "Certainty",
    "Finding",
    "Known",
    "Report",
    "audit",
    "confirmed",
    "marks",
    "report",
]

Detector = Callable[[Rows], Iterator[Finding]]


def _find_logs(rows: Rows) -> Iterator[Finding]:
    """What the logs contradict and no other finding says already."""
    said = (*find_contradictions(rows), *find_copies(rows))
    return find_logs(rows, frozenset(cell for found in said for cell in found.cells))


DETECTORS = MappingProxyType[str, Detector](
    {
        "contradictions": find_contradictions,
        "copies": find_copies,
        "drops": find_drops,
        "averages": find_averages,
        "logs": _find_logs,
        "ignored": find_ignored,
        "perplexity": find_perplexities,
        "settings": find_settings,
        "order": find_order,
        "typos": find_typos,
        "noise": find_noise,
    }
)
"""By the name that its findings carry, in the order they are shown."""


def audit(results: Sequence[Result], names: Names) -> tuple[Finding, ...]:
    """Every finding in published results, each detector's in turn."""
    rows = Rows(results, names)
    return tuple(finding for find in DETECTORS.values() for finding in find(rows))


def report(results: Sequence[Result], names: Names) -> Report:
    """Everything that the audit has to say of published results."""
    return Report(audit(results, names), tuple(confirmed(results, names)))


def confirmed(results: Sequence[Result], names: Names) -> list[Beside]:
    """The table rows that logs of the same experiment give again."""
    return reproduced(Rows(results, names))
