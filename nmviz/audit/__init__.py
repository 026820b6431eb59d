"""The audit: what in the published numbers contradicts itself, found by code."""

from collections.abc import Callable, Iterator, Sequence
from types import MappingProxyType

from nmviz.audit.averages import find_averages
from nmviz.audit.contradictions import find_contradictions
from nmviz.audit.copies import find_copies
from nmviz.audit.drops import find_drops
from nmviz.audit.finding import Certainty, Finding, marks
from nmviz.audit.ignored import find_ignored
from nmviz.audit.known import KNOWN, Known
from nmviz.audit.logs import Beside, find_logs, reproduced
from nmviz.audit.noise import find_noise
from nmviz.audit.order import find_order
from nmviz.audit.perplexity import find_perplexities
from nmviz.audit.report import Report
from nmviz.audit.rows import Rows
from nmviz.audit.settings import find_settings
from nmviz.audit.typos import find_typos
from nmviz.published import Names
from nmviz.results import Result

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
