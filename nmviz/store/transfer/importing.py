"""Results out of a file into the store: all of the file or nothing of it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from nmviz.base.errors import UserError
from nmviz.store import looks, records, writing
from nmviz.store.looks import Beside
from nmviz.store.store import Store
from nmviz.store.tables import ResultRow, SourceRow
from nmviz.store.transfer import authors_logs, llama_cpp_log, lm_eval_json
from nmviz.store.transfer.every_eval_ever import reading as every_eval_ever
from nmviz.store.transfer.files import parse_json, read_text, shown
from nmviz.store.transfer.incoming import Batch, Incoming
from nmviz.store.transfer.jsonl import read_foreign
from nmviz.store.transfer.looks_lines import is_looks


class Format(StrEnum):
    """What a file may be; `auto` tells by what is in it."""

    AUTO = "auto"
    JSONL = "jsonl"
    LM_EVAL = "lm-eval"
    EVERY_EVAL_EVER = "every-eval-ever"
    LLAMA_CPP = "llama.cpp"
    LOG = "log"


@dataclass(frozen=True)
class ImportReport:
    """What came of a file. `left_out` counts the values of metrics that are not known here."""

    read: int
    added: int
    left_out: Mapping[str, int]
    looks: int = 0

    def __str__(self) -> str:
        there = self.read - self.added
        line = (
            f"{self.read} result{'s' if self.read != 1 else ''} read: {self.added} added, "
            f"{there} {'were' if there != 1 else 'was'} there already."
        )
        if self.looks:
            line += f" Looks at the layers came with {self.looks} of them."
        return f"{line} {self._left_out}" if self.left_out else line

    @property
    def _left_out(self) -> str:
        most = sorted(self.left_out.items(), key=lambda item: (-item[1], item[0]))
        names = [f"{shown(name, 40)} ({count})" for name, count in most[:8]]
        more = [f"{len(most) - 8} more"] if len(most) > 8 else []
        return f"Left out, not measured here: {', '.join(names + more)}."


def import_file(
    store: Store, path: Path, form: Format = Format.AUTO, model: str = ""
) -> ImportReport:
    """Add the results of a file as the user's own; the same ones are known again. `model` names
    what a log of llama.cpp is of where it does not say so itself.

    UserError, with the place and the reason in one sentence, refuses the file whole; StorageError
    where the store keeps nothing.
    """
    batch = read(path, form, model)
    store.check_keeps()
    with suppress(IntegrityError):  # another process wrote the same in between: look again
        return _write(store, batch)
    return _write(store, batch)


def read(path: Path, form: Format = Format.AUTO, model: str = "") -> Batch:
    """What a file holds, checked; nothing is written. UserError as for `import_file`."""
    name = shown(path.name or path)
    if path.suffix.lower() == ".csv":
        raise UserError(f"{name} is CSV, which is for reading only: import the JSONL of an export.")
    text = read_text(path)
    if form is Format.LLAMA_CPP or (form is Format.AUTO and llama_cpp_log.is_log(text)):
        return llama_cpp_log.read(text, name, model)
    if model:
        raise UserError(f"{name} says itself what it is of: leave --model out.")
    if form is Format.JSONL or (form is Format.AUTO and _is_lines(text)):
        batch = read_foreign(text, name)
    else:
        batch = _read_document(text, name, form)
    if not batch.results and not batch.looks:
        raise UserError(f"{name} holds no results.")
    return batch


def _is_lines(text: str) -> bool:
    """Whether a text is one of our results a line, and not one document of something else."""
    first = text.lstrip().partition("\n")[0]
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):  # a line that is broken or cut off, or `{` alone
        return '"experiment":' in first
    ours = isinstance(value, dict) and ("experiment" in value or "measurements" in value)
    return ours or is_looks(value)


def _read_document(text: str, name: str, form: Format) -> Batch:
    if not text.strip():
        raise UserError(f"{name} holds no results.")
    document = parse_json(text, name)
    if not isinstance(document, dict):
        raise UserError(f"{name} is no result: it is JSON, but no object.")
    shared = every_eval_ever.is_document(document)
    if form is Format.EVERY_EVAL_EVER or (form is Format.AUTO and shared):
        return every_eval_ever.read(document, name)
    log = authors_logs.is_log(document)
    if form is Format.LM_EVAL and log:
        raise UserError(
            f"{name} says {authors_logs.MARK}, so it is of a pruned model: use --format log."
        )
    if form is Format.LOG or (form is Format.AUTO and log):
        return authors_logs.read(document, name)
    if form is Format.AUTO and "results" not in document:
        raise UserError(f"{name} is no known format: it has no results of lm-eval or nmviz.")
    return lm_eval_json.read(document, name)


def _write(store: Store, batch: Batch) -> ImportReport:
    with store.writing() as connection:
        if batch.source is not None:
            if _is_there(connection, batch.source["id"]):
                return ImportReport(len(batch.results), 0, batch.left_out)
            writing.ensure(connection, SourceRow.id, [batch.source])
        ships = select(SourceRow.id).where(SourceRow.seeded)
        shipped = set(connection.scalars(ships))
        others = [one.packed for one in batch.results if not _ships(connection, one, shipped)]
        added = writing.add_all(connection, others, own=True, imported=True)
        kept = looks.add_all(connection, _checked_looks(connection, batch))
    return ImportReport(len(batch.results), added, batch.left_out, kept)


def _checked_looks(connection: Connection, batch: Batch) -> Iterator[Beside]:
    """The looks of a file, each held against its result, which is in the file or was there."""
    results = {one.packed.digest: one.packed for one in batch.results}
    for one in batch.looks:
        digest = one.beside.result
        result = results.get(digest) or records.of_digest(connection, digest)
        if result is None:
            raise UserError(
                f"{one.where} has looks of a result that is neither in the file nor in the store: "
                "import that first."
            )
        try:
            looks.checked(one.beside.data, result)
        except UserError as reason:
            raise UserError(f"{one.where} is refused: {shown(reason, 300)}.") from None
        yield one.beside


def _is_there(connection: Connection, source: str) -> bool:
    """Whether what a file says was imported before, perhaps by a version that read less of it."""
    found = select(ResultRow.id).where(ResultRow.source_id == source).limit(1)
    return connection.scalar(found) is not None


def _ships(connection: Connection, one: Incoming, shipped: set[str]) -> bool:
    """Whether it is of a published source, which is what ships with it: no file adds to that, and
    its rows stay its own."""
    source = one.packed.result.provenance.source
    if source not in shipped:
        return False
    same = select(ResultRow.id).where(ResultRow.content_hash == one.packed.digest)
    if connection.scalar(same) is None:
        raise UserError(
            f"{one.where} claims the published source {shown(source)}, which has no such result."
        )
    return True
