"""The audit as a whole: every finding, those that people had made before, and what logs confirm."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from nmviz.published.audit.finding import Finding, marks
from nmviz.published.audit.known import KNOWN, Known
from nmviz.published.audit.logs import Beside


@dataclass(frozen=True)
class Report:
    """What there is to read, in the order in which it is shown."""

    findings: tuple[Finding, ...]
    confirmed: tuple[Beside, ...]
    known: tuple[Known, ...] = KNOWN

    @property
    def summary(self) -> str:
        """How much was found, in one sentence."""
        proved = sum(finding.certainty == "proved" for finding in self.findings)
        return (
            f"{len(self.findings)} findings, {proved} proved and {len(self.findings) - proved} "
            f"inferred; {len(marks(self.findings))} numbers are marked. The logs confirm "
            f"{len(self.confirmed)} rows of the tables."
        )

    @property
    def text(self) -> str:
        """All of it as plain lines."""
        return "\n".join(self._lines())

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values; a marked number is named by where it stands."""
        return {
            "findings": [
                {**asdict(one), "cells": [cell._asdict() for cell in one.cells]}
                for one in self.findings
            ],
            "known": [asdict(one) for one in self.known],
            "confirmed": [{"row": str(one.row), "logs": str(one.logged)} for one in self.confirmed],
        }

    def _lines(self) -> Iterator[str]:
        yield self.summary
        for one in self.findings:
            yield f"\n{one.id} ({one.certainty}, marks {len(one.cells)})"
            yield from (f"  {text}" for text in (one.title, one.evidence))
            yield f"  If it is right: {one.consequence}"
        yield "\nKnown before there was an audit"
        for known in self.known:
            yield f"{known.number:4} {known.sentence}"
            yield f"     found: {', '.join(known.ids) or 'no finding'}"
            yield from [f"     not found: {known.reason}"] * bool(known.reason)
        yield "\nRows of the tables that logs confirm"
        yield from (f"  {one.row}: {one.logged}" for one in self.confirmed)
