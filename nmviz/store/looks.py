"""Looks beside results: put, found by what is pruned, and carried along with their results.

That some were read is not noted: what was answered from the store is worked out again whenever any
were added (`standing`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.looks.compact import Packed, opened
from nmviz.core.looks.kept import KeptModel, pruned_alone
from nmviz.core.provenance import OWN
from nmviz.store.age import age
from nmviz.store.records import Packed as PackedResult
from nmviz.store.records import batches
from nmviz.store.standing import unnoted
from nmviz.store.store import Store
from nmviz.store.tables import ExperimentRow, LooksRow, ResultRow


@dataclass(frozen=True)
class Beside:
    """Looks as one file, and the content hash of the result that they are beside."""

    result: str
    data: bytes

    @property
    def digest(self) -> str:
        """What tells them from others."""
        return sha256(self.data).hexdigest()


def put(store: Store, key: str, data: bytes) -> None:
    """Keep looks beside the newest of our own results of an experiment, in place of those that were
    there. UserError where there is no such result, or they are not of it."""
    store.check_keeps()
    newest = [part.desc() for part in age()]
    wanted = select(ResultRow.content_hash).where(ResultRow.experiment_key == key)
    with store.writing() as connection:
        found = connection.scalar(
            wanted.where(ResultRow.source_id == OWN)
            .join(ExperimentRow, ExperimentRow.key == ResultRow.experiment_key)
            .order_by(*newest)
        )
        if found is None:
            raise UserError("The result is not stored, so no looks are kept beside it.")
        add_all(connection, [Beside(found, data)])


def add_all(connection: Connection, several: Iterable[Beside]) -> int:
    """Write looks beside results that are there, in place of others. How many were not there."""
    added = 0
    for one in several:
        asked = select(ResultRow.id).where(ResultRow.content_hash == one.result)
        result = connection.execute(asked).scalar_one()
        before = connection.execute(
            select(LooksRow.id, LooksRow.data).where(LooksRow.result_id == result)
        ).all()
        if any(row.data == one.data for row in before):
            continue
        connection.execute(insert(LooksRow).values(result_id=result, **_columns(one)))
        old = [row.id for row in before]
        connection.execute(delete(LooksRow).where(LooksRow.id.in_(old)))
        added += 1
    return added


def _columns(one: Beside) -> dict[str, object]:
    kept = opened(one.data)
    return {
        "pruned": kept.experiment.key,
        "model": kept.head.model.id,
        "about": kept.head.model.model_dump_json(),
        "data": one.data,
    }


def find(store: Store, pruned: Experiment) -> bytes | None:
    """The looks that were put last of a pruned model alone (`pruned_alone`), or None."""
    wanted = select(LooksRow.data).where(LooksRow.pruned == pruned.key)
    with unnoted(), store.reading() as connection:
        return connection.scalar(wanted.order_by(LooksRow.id.desc()).limit(1))


def models(store: Store) -> Mapping[str, KeptModel]:
    """What is known of the models that there are looks of, by id: as the newest ones say it."""
    wanted = select(LooksRow.model, LooksRow.about).order_by(LooksRow.id)
    with unnoted(), store.reading() as connection:
        told = {row.model: row.about for row in connection.execute(wanted)}
    return {name: KeptModel.model_validate_json(about) for name, about in told.items()}


def beside(connection: Connection, results: Sequence[str]) -> list[Beside]:
    """The looks beside results of these content hashes, in their order."""
    found: dict[str, Beside] = {}
    for some in batches(results):
        wanted = (
            select(ResultRow.content_hash, LooksRow.data)
            .join(ResultRow, ResultRow.id == LooksRow.result_id)
            .where(ResultRow.content_hash.in_(some))
            .order_by(LooksRow.id)
        )
        for digest, data in connection.execute(wanted):
            found[digest] = Beside(digest, data)
    return [found[digest] for digest in dict.fromkeys(results) if digest in found]


def checked(data: bytes, result: PackedResult) -> Packed:
    """Looks that somebody else may have made, read whole and held against the result that they are
    to be beside. UserError, with the reason, where they are not of it."""
    kept, experiment = opened(data, whole=True), result.result.experiment
    model = experiment.artefacts.model
    if experiment.tasks:
        raise UserError("they are of a run of tasks, which has none")
    alone = pruned_alone(experiment).but(ties=kept.experiment.ties)
    if kept.experiment != alone or kept.head.model.id != experiment.model:
        raise UserError("they are of another experiment than the result")
    if model not in (None, kept.head.model.sha256):
        raise UserError("they are of other files of the model than the result")
    return kept
