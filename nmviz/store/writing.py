"""Results into the database and out of it, inside a transaction that the caller holds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute

from nmviz.core.provenance import OWN
from nmviz.core.results import Result
from nmviz.store.records import (
    Packed,
    batches,
    experiment_columns,
    measurement_columns,
    result_columns,
)
from nmviz.store.tables import (
    ArtefactRow,
    ExperimentRow,
    MeasurementRow,
    ResultArtefactRow,
    ResultRow,
    SourceRow,
)


def add(connection: Connection, packed: Packed, *, own: bool = False, seeded: bool = False) -> bool:
    """Write a result, or mark the same one that is there. True when it was not there."""
    return add_all(connection, [packed], own=own, seeded=seeded) == 1


def add_all(
    connection: Connection,
    results: Sequence[Packed],
    *,
    own: bool = False,
    seeded: bool = False,
    imported: bool = False,
) -> int:
    """Write results, and mark those that are there. How many were not there.

    A statement a table and not a result: building statements takes longer than the database does.
    """
    by_digest = {packed.digest: packed for packed in results}
    there = _ids(connection, list(by_digest))
    marks = {"own": True} if own else {"seeded": True} if seeded else {}
    if own and not imported:
        marks["imported"] = False
    for some in batches(list(there)) if marks else ():
        same = ResultRow.content_hash.in_(some)
        connection.execute(update(ResultRow).where(same).values(**marks))
    new = [packed for digest, packed in by_digest.items() if digest not in there]
    if new:
        _write(connection, new, {"own": own, "seeded": seeded, "imported": imported})
    return len(new)


def _ids(connection: Connection, digests: Sequence[str]) -> dict[str, int]:
    """The ids of the results that are there, by content hash."""
    found: dict[str, int] = {}
    for some in batches(digests):
        wanted = ResultRow.content_hash.in_(some)
        rows = connection.execute(select(ResultRow.content_hash, ResultRow.id).where(wanted))
        found.update((row.content_hash, row.id) for row in rows)
    return found


def _write(connection: Connection, new: Sequence[Packed], marks: dict[str, bool]) -> None:
    sources = dict.fromkeys(packed.result.provenance.source for packed in new)
    ensure(connection, SourceRow.id, [_source_columns(source) for source in sources])
    experiments = {packed.key: packed.result.experiment for packed in new}
    rows = [experiment_columns(experiment) for experiment in experiments.values()]
    ensure(connection, ExperimentRow.key, rows)
    connection.execute(insert(ResultRow), [{**result_columns(one), **marks} for one in new])
    ids = _ids(connection, [packed.digest for packed in new])
    results = {ids[packed.digest]: packed.result for packed in new}
    numbers = [
        {"result_id": identity, **row}
        for identity, result in results.items()
        for row in measurement_columns(result.measurements)
    ]
    if numbers:
        connection.execute(insert(MeasurementRow), numbers)
    _link_artefacts(connection, results)


def ensure(
    connection: Connection, identity: InstrumentedAttribute[str], rows: Sequence[dict[str, Any]]
) -> None:
    """Write the rows of which none of that identity is there."""
    there: set[str] = set()
    for some in batches([row[identity.key] for row in rows]):
        there.update(connection.scalars(select(identity).where(identity.in_(some))))
    new = [row for row in rows if row[identity.key] not in there]
    if new:
        connection.execute(insert(identity.class_), new)


def _source_columns(source: str) -> dict[str, Any]:
    title = "Runs made with nmviz" if source == OWN else source
    return {"id": source, "title": title, "seeded": False}


def _link_artefacts(connection: Connection, results: Mapping[int, Result]) -> None:
    read = [
        (identity, artefact, _kind(result, artefact[1]))
        for identity, result in results.items()
        for artefact in result.provenance.artefacts.items()
    ]
    there = _artefact_ids(connection, [name for _, (name, _), _ in read])
    kinds: dict[tuple[str, str], str] = {}
    for _, artefact, kind in read:
        if artefact not in there:
            kinds.setdefault(artefact, kind)
    if kinds:
        rows = [{"name": name, "sha256": sha, "kind": kind} for (name, sha), kind in kinds.items()]
        connection.execute(insert(ArtefactRow), rows)
        there = _artefact_ids(connection, [name for _, (name, _), _ in read])
    if read:
        links = [{"result_id": one, "artefact_id": there[artefact]} for one, artefact, _ in read]
        connection.execute(insert(ResultArtefactRow), links)


def _kind(result: Result, digest: str) -> str:
    read = result.experiment.artefacts
    return {read.corpus: "corpus", read.model: "model"}.get(digest, "other")


def _artefact_ids(connection: Connection, names: Iterable[str]) -> dict[tuple[str, str], int]:
    """The ids of the artefacts of these names, by name and hash."""
    columns = (ArtefactRow.name, ArtefactRow.sha256, ArtefactRow.id)
    found: dict[tuple[str, str], int] = {}
    for some in batches(list(dict.fromkeys(names))):
        rows = connection.execute(select(*columns).where(ArtefactRow.name.in_(some)))
        found.update(((row.name, row.sha256), row.id) for row in rows)
    return found


def remove(connection: Connection, ids: Sequence[int]) -> None:
    """Delete results with everything that belongs to them alone."""
    for some in batches(ids):
        connection.execute(delete(ResultRow).where(ResultRow.id.in_(some)))
    used = exists().where(ResultRow.experiment_key == ExperimentRow.key)
    connection.execute(delete(ExperimentRow).where(~used))
    linked = exists().where(ResultArtefactRow.artefact_id == ArtefactRow.id)
    connection.execute(delete(ArtefactRow).where(~linked))
