"""Result to rows and back."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Connection, select

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment, key_of
from nmviz.core.results import (
    BlockDrift,
    Censored,
    Measurement,
    Provenance,
    Result,
    SiteError,
    TaskExamples,
)
from nmviz.core.rules import as_stored
from nmviz.core.tokenwise.flips import Flips
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.core.tokenwise.tails import Sureness, TokenCounts
from nmviz.store.tables import (
    ExperimentRow,
    MeasurementRow,
    ResultRow,
)

T = TypeVar("T")
BATCH = 500
"""As many ids as one statement asks for."""

_sites = TypeAdapter(tuple[SiteError, ...])
_drift = TypeAdapter(tuple[BlockDrift, ...])
_censored = TypeAdapter(tuple[Censored, ...])
_examples = TypeAdapter(tuple[TaskExamples, ...])
_unit_costs = TypeAdapter(tuple[float, ...])
_noise_floors = TypeAdapter(tuple[NoiseFloor, ...])
_by_confidence = TypeAdapter(tuple[Sureness, ...])
_token_counts = TypeAdapter(tuple[TokenCounts, ...])
_flips: TypeAdapter[Flips | None] = TypeAdapter(Flips | None)
_encoder = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
NO_TEXT = "\\u0000"
"""The character of code 0 as JSON writes it; also the end of a text with a backslash before it."""
_NEGATIVE_ZERO = "-0.0"  # other numbers begin so too: where there is none, none is looked for
_NUMBER = tuple(Measurement.model_fields)
_AS_JSON = (
    "provenance",
    "sites",
    "drift",
    "censored",
    "examples",
    "unit_costs",
    "noise_floors",
    "by_confidence",
    "token_counts",
    "flips",
)
_NOTHING = {"flips": "null"}  # in place of an empty list
_LONG = (
    ResultRow.sites,
    ResultRow.drift,
    ResultRow.examples,
    ResultRow.by_confidence,
    ResultRow.token_counts,
    ResultRow.flips,
)


@dataclass(frozen=True)
class Packed:
    """A result ready to be written. `text` is one line of a .jsonl file, `digest` its SHA-256,
    `key` that of its experiment, and `parts` are the values in `text`, each as it stands there."""

    result: Result
    text: str
    digest: str
    key: str
    parts: Mapping[str, str] = field(compare=False, repr=False)


def pack(result: Result) -> Packed:
    """Canonical text and hash of a result. What is at its default is left out, so that a field
    that is added later changes no hash.

    ValueError for a partial one, UserError when a number is not finite: no database and no strict
    JSON holds those.
    """
    if result.partial:
        raise ValueError("a partial result is shown, never stored")
    fields = result.model_dump(mode="json", exclude={"experiment"}, exclude_defaults=True)
    experiment = result.experiment
    try:
        parts = {name: _json(value) for name, value in fields.items()}
    except ValueError:
        raise UserError(
            f"The result of {experiment.model} at {experiment.pattern} holds a number that is not "
            "finite, so it is not stored."
        ) from None
    parts["experiment"] = canonical = experiment.canonical_json()
    text = "{" + ",".join(f'"{name}":{part}' for name, part in sorted(parts.items())) + "}"
    digest = hashlib.sha256(_encoded(text)).hexdigest()
    return Packed(result, text, digest, key_of(canonical), parts)


def _encoded(text: str) -> bytes:
    """As bytes. UserError for what not every database holds: half a character, and the character of
    code 0, which JSON writes as an escape."""
    if NO_TEXT in text and _has_zero(json.loads(text)):
        raise UserError("The result holds a text with a character of code 0: leave it out.")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UserError("The result holds a text with half a character: leave it out.") from None


def _has_zero(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    return isinstance(parts, list) and any(map(_has_zero, parts))


def _json(value: Any) -> str:
    text = _encoder.encode(value)
    return _encoder.encode(_without_negative_zero(value)) if _NEGATIVE_ZERO in text else text


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
    canonical = experiment.canonical_json()
    return {
        "key": key_of(canonical),
        "canonical": canonical,
        "mitigations": ",".join(experiment.mitigations),
        **{name: getattr(experiment, name) for name in plain},
    }


def result_columns(packed: Packed) -> dict[str, Any]:
    """The row of a result, without its id and without where it came from."""
    provenance = packed.result.provenance
    return {
        "experiment_key": packed.key,
        "source_id": provenance.source,
        "started": utc(provenance.started),
        "content_hash": packed.digest,
        **{name: packed.parts.get(name, _NOTHING.get(name, "[]")) for name in _AS_JSON},
    }


def utc(started: str | None) -> str:
    """A time in one fixed width, so that texts sort like times; empty when there is none."""
    try:
        time = datetime.fromisoformat(started or "")
        aware = time if time.tzinfo else time.replace(tzinfo=UTC)
        return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, OverflowError):  # the latter for the first and the last day there is
        return ""


def measurement_columns(measurements: Iterable[Measurement]) -> list[dict[str, Any]]:
    """The rows of a result's numbers, without its id. Every row names every column."""
    return [
        {"position": position, **{name: _plain(getattr(number, name)) for name in _NUMBER}}
        for position, number in enumerate(measurements)
    ]


def _plain(value: Any) -> Any:
    """Without a negative zero, which one database keeps and another does not."""
    return value + 0.0 if isinstance(value, float) else value


def load(
    connection: Connection, ids: Sequence[int], *, sites: bool = True
) -> Iterator[tuple[int, Result | ValueError]]:
    """Results by id, in the order asked for; a ValueError in place of one that is not readable.

    Without `sites` what is long stays empty (`_LONG`: sites, drift ...), which is much faster for
    many results.
    """
    for some in batches(ids):
        rows = _result_rows(connection, some, sites)
        numbers = _measurements(connection, some)
        for identity in some:
            if identity in rows:
                yield identity, _unpack(rows[identity], numbers.get(identity, ()))


def of_digest(connection: Connection, digest: str) -> Packed | None:
    """The result of that content hash, or None where it is not there or not readable."""
    ids = list(connection.scalars(select(ResultRow.id).where(ResultRow.content_hash == digest)))
    found = [result for _, result in load(connection, ids) if isinstance(result, Result)]
    return pack(found[0]) if found else None


def batches(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many of them at a time as one statement may ask for."""
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _result_rows(connection: Connection, ids: Sequence[int], sites: bool) -> dict[int, Any]:
    columns = _LONG if sites else ()
    query = (
        select(
            ResultRow.id,
            ResultRow.provenance,
            ResultRow.censored,
            ResultRow.unit_costs,
            ResultRow.noise_floors,
            ExperimentRow.key,
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
    if key_of(row["canonical"]) != row["key"]:
        return ValueError("its experiment is not the one that its key is of")
    try:
        return Result.model_construct(  # of parts that are checked, each once
            experiment=experiment_of(row["canonical"]),
            measurements=tuple(Measurement(**number) for number in numbers),
            sites=_sites.validate_json(row.get("sites", "[]")),
            drift=_drift.validate_json(row.get("drift", "[]")),
            censored=_censored.validate_json(row["censored"]),
            examples=_examples.validate_json(row.get("examples", "[]")),
            unit_costs=_unit_costs.validate_json(row["unit_costs"]),
            noise_floors=_noise_floors.validate_json(row["noise_floors"]),
            by_confidence=_by_confidence.validate_json(row.get("by_confidence", "[]")),
            token_counts=_token_counts.validate_json(row.get("token_counts", "[]")),
            flips=_flips.validate_json(row.get("flips", "null")),
            provenance=_provenance(row["provenance"]),
        )
    except ValueError as error:  # pydantic's is one too
        return error


@lru_cache(maxsize=1024)
def _provenance(written: str) -> Provenance:
    """What was written, read once: it is frozen, and hangs on the text alone."""
    return Provenance.model_validate_json(written)


@lru_cache(maxsize=4096)
def experiment_of(canonical: str) -> Experiment:
    """The experiment of a canonical text. ValueError when this version does not know it."""
    return Experiment.model_validate(as_stored(json.loads(canonical)))
