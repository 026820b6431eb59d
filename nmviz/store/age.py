"""Which of several results of one experiment is the newest."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, not_

from nmviz.core.provenance import OWN
from nmviz.core.site_errors import SAMPLED_ERRORS
from nmviz.store import records
from nmviz.store.tables import ResultRow


def age() -> tuple[ColumnElement[Any], ...]:
    """What is newer: what ships or was measured here than what was imported; what does not say that
    it is of a day to come; with errors of layers that are of every token; started later; of equal
    age the user's own; added later."""
    tomorrow = records.utc((datetime.now(UTC) + timedelta(days=1)).isoformat())
    only_imported = and_(ResultRow.imported, not_(ResultRow.seeded))
    to_come = and_(ResultRow.source_id == OWN, _started() > tomorrow)
    sampled = ResultRow.provenance.contains(f'"{SAMPLED_ERRORS}"', autoescape=True)
    ranks = (case((strange, 0), else_=1) for strange in (only_imported, to_come, sampled))
    return (*ranks, _started(), ResultRow.own.expression, ResultRow.id.expression)


def _started() -> ColumnElement[str]:
    return ResultRow.started.expression
