"""Result to rows and back, inside a transaction that the caller holds."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, exists, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import (
    BlockDrift,
    Censored,
    Measurement,
    Provenance,
    Result,
    SiteError,
    TaskExamples,
)
from nmviz.store.tables import (
    ArtefactRow,
    ExperimentRow,
    MeasurementRow,
    ResultArtefactRow,
    ResultRow,
    SourceRow,
)

OWN = "nmviz"
"""The source of runs made with this program."""
BATCH = 500
"""As many ids as one statement asks for."""

_sites = TypeAdapter(tuple[SiteError, ...])
_drift = TypeAdapter(tuple[BlockDrift, ...])
_censored = TypeAdapter(tuple[Censored, ...])
_examples = TypeAdapter(tuple[TaskExamples, ...])
_unit_costs = TypeAdapter(tuple[float, ...])
_NUMBER = tuple(Measurement.model_fields)
_AS_JSON = ("provenance", "sites", "drift", "censored", "examples", "unit_costs")
_LONG = (ResultRow.sites, ResultRow.drift, ResultRow.examples)


@dataclass(frozen=True)
class Packed:
    """A result ready to be written. `text` is one line of a .jsonl file, `digest` its SHA-256."""

    result: Result
    text: str
    digest: str


def pack(result: Result) -> Packed:
    """Canonical text and hash of a result. What is at its default is left out, so that a field
    that is added later changes no hash.

    ValueError for a partial one, UserError when a number is not finite: no database and no strict
    JSON holds those.
    """
    if result.partial:
        raise ValueError("a partial result is shown, never stored")
    fields = result.model_dump(mode="json", exclude={"experiment"}, exclude_defaults=True)
    fields["experiment"] = result.experiment.to_json()
    try:
        text = _json(_without_negative_zero(fields))
    except ValueError:
        experiment = result.experiment
        raise UserError(
            f"The result of {experiment.model} at {experiment.pattern} holds a number that is not "
            "finite, so it is not stored."
        ) from None
    return Packed(result, text, hashlib.sha256(text.encode()).hexdigest())


def _json(value: Any) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _without_negative_zero(value: Any) -> Any:
    """SQLite reads -0.0 back as 0.0, and the hash must not depend on that."""
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, dict):
        return {name: _without_negative_zero(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_negative_zero(part) for part in value]
    return value


def experiment_columns(experiment: Experiment) -> dict[str, Any]:
    """The row of an experiment."""
    plain = ("model", "target", "pattern", "criterion", "corpus", "tokens", "window")
    return {
        "key": experiment.key,
        "canonical": experiment.canonical_json(),
        "mitigations": ",".join(experiment.mitigations),
        **{name: getattr(experiment, name) for name in plain},
    }


def result_columns(packed: Packed) -> dict[str, Any]:
    """The row of a result, without its id and without where it came from."""
    fields = json.loads(packed.text)
    provenance = packed.result.provenance
    return {
        "experiment_key": packed.result.key,
        "source_id": provenance.source,
        "started": utc(provenance.started),
        "content_hash": packed.digest,
        **{name: _json(fields.get(name, [])) for name in _AS_JSON},
    }


def utc(started: str | None) -> str:
    """A time in one fixed width, so that texts sort like times; empty when there is none."""
    try:
        time = datetime.fromisoformat(started or "")
        aware = time if time.tzinfo else time.replace(tzinfo=UTC)
        return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, OverflowError):  # the latter for the first and the last day there is
        return ""


def add(connection: Connection, packed: Packed, *, own: bool = False, seeded: bool = False) -> bool:
    """Write a result, or mark the same one that is there. True when it was not there."""
    same = ResultRow.content_hash == packed.digest
    marks = {"own": True} if own else {"seeded": True} if seeded else {}
    if connection.scalar(select(ResultRow.id).where(same)) is not None:
        connection.execute(update(ResultRow).where(same).values(**marks))
        return False
    ensure(connection, SourceRow.id, _source_columns(packed.result.provenance.source))
    ensure(connection, ExperimentRow.key, experiment_columns(packed.result.experiment))
    columns = {**result_columns(packed), "own": own, "seeded": seeded}
    added = connection.execute(insert(ResultRow).values(**columns)).inserted_primary_key
    assert added is not None
    if packed.result.measurements:
        numbers = measurement_columns(packed.result.measurements)
        connection.execute(
            insert(MeasurementRow), [{"result_id": added[0], **row} for row in numbers]
        )
    _link_artefacts(connection, added[0], packed.result)
    return True


def ensure(
    connection: Connection, identity: InstrumentedAttribute[str], columns: dict[str, Any]
) -> None:
    """Write a row unless one of that identity is there."""
    found = select(identity).where(identity == columns[identity.key])
    if connection.scalar(found) is None:
        connection.execute(insert(identity.class_).values(**columns))


def _source_columns(source: str) -> dict[str, Any]:
    title = "Runs made with nmviz" if source == OWN else source
    return {"id": source, "title": title, "seeded": False}


def measurement_columns(measurements: Iterable[Measurement]) -> list[dict[str, Any]]:
    """The rows of a result's numbers, without its id. Every row names every column."""
    return [
        {"position": position, **{name: getattr(number, name) for name in _NUMBER}}
        for position, number in enumerate(measurements)
    ]


def _link_artefacts(connection: Connection, result_id: int, result: Result) -> None:
    read = result.experiment.artefacts
    kinds = {read.corpus: "corpus", read.model: "model"}
    for name, digest in result.provenance.artefacts.items():
        known = select(ArtefactRow.id).where(ArtefactRow.name == name, ArtefactRow.sha256 == digest)
        artefact = connection.scalar(known)
        if artefact is None:
            columns = {"name": name, "sha256": digest, "kind": kinds.get(digest, "other")}
            connection.execute(insert(ArtefactRow).values(**columns))
            artefact = connection.scalar(known)
        connection.execute(
            insert(ResultArtefactRow).values(result_id=result_id, artefact_id=artefact)
        )


def load(
    connection: Connection, ids: Sequence[int], *, sites: bool = True
) -> Iterator[tuple[int, Result | ValueError]]:
    """Results by id, in the order asked for; a ValueError in place of one that is not readable.

    Without `sites` sites, drift and examples stay empty, which is much faster for many results.
    """
    for some in _batches(ids):
        rows = _result_rows(connection, some, sites)
        numbers = _measurements(connection, some)
        for identity in some:
            if identity in rows:
                yield identity, _unpack(rows[identity], numbers.get(identity, ()))


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _result_rows(connection: Connection, ids: Sequence[int], sites: bool) -> dict[int, Any]:
    columns = _LONG if sites else ()
    query = (
        select(
            ResultRow.id,
            ResultRow.provenance,
            ResultRow.censored,
            ResultRow.unit_costs,
            ExperimentRow.canonical,
            *columns,
        )
        .join(ExperimentRow, ExperimentRow.key == ResultRow.experiment_key)
        .where(ResultRow.id.in_(ids))
    )
    return {row.id: row._asdict() for row in connection.execute(query)}


def _measurements(connection: Connection, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    columns = [getattr(MeasurementRow, name) for name in _NUMBER]
    query = (
        select(MeasurementRow.result_id, *columns)
        .where(MeasurementRow.result_id.in_(ids))
        .order_by(MeasurementRow.result_id, MeasurementRow.position)
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for identity, *values in connection.execute(query):
        found.setdefault(identity, []).append(dict(zip(_NUMBER, values, strict=True)))
    return found


def _unpack(row: dict[str, Any], numbers: Iterable[dict[str, Any]]) -> Result | ValueError:
    try:
        return Result(
            experiment=experiment_of(row["canonical"]),
            measurements=tuple(Measurement(**number) for number in numbers),
            sites=_sites.validate_json(row.get("sites", "[]")),
            drift=_drift.validate_json(row.get("drift", "[]")),
            censored=_censored.validate_json(row["censored"]),
            examples=_examples.validate_json(row.get("examples", "[]")),
            unit_costs=_unit_costs.validate_json(row["unit_costs"]),
            provenance=Provenance.model_validate_json(row["provenance"]),
        )
    except ValueError as error:  # pydantic's is one too
        return error


@lru_cache(maxsize=4096)
def experiment_of(canonical: str) -> Experiment:
    """The experiment of a canonical text. ValueError when this version does not know it."""
    return Experiment.model_validate_json(canonical)


def remove(connection: Connection, ids: Sequence[int]) -> None:
    """Delete results with everything that belongs to them alone."""
    for some in _batches(ids):
        connection.execute(delete(ResultRow).where(ResultRow.id.in_(some)))
    used = exists().where(ResultRow.experiment_key == ExperimentRow.key)
    connection.execute(delete(ExperimentRow).where(~used))
    linked = exists().where(ResultArtefactRow.artefact_id == ArtefactRow.id)
    connection.execute(delete(ArtefactRow).where(~linked))
