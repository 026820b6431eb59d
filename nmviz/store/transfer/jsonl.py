"""Results in a text file: one JSON object a line, the text that the content hash is taken of."""

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nmviz.base.errors import UserError
from nmviz.core.results import Result
from nmviz.store.looks import Beside
from nmviz.store.records import Packed, pack
from nmviz.store.transfer.files import parse_json, shown, write_whole
from nmviz.store.transfer.incoming import Batch, IncomingLooks, admit
from nmviz.store.transfer.looks_lines import is_looks, line_of, read_fields

NUMBERS = ("value", "stderr", "n")


def read_jsonl(path: Path) -> list[Result]:
    """Every result of a file. UserError, with the line and the reason, refuses the whole file."""
    return [packed.result for packed in read_packed(path)]


def read_packed(path: Path) -> list[Packed]:
    """The same, each with its canonical text and hash."""
    lines = read_bytes(path).split(b"\n")
    return [
        _read_line(line, f"{path.name}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def read_digests(path: Path, known: Collection[str]) -> list[str]:
    """The content hashes of a file's results. A line that has one of the `known` hashes is that
    result, as sure as a hash is, and is not read for it. UserError as for `read_jsonl`."""
    found = []
    for number, line in enumerate(read_bytes(path).split(b"\n"), start=1):
        if line.strip():
            digest = hashlib.sha256(line).hexdigest()
            if digest not in known:
                digest = _read_line(line, f"{path.name}, line {number}").digest
            found.append(digest)
    return found


def read_bytes(path: Path) -> bytes:
    """What is in a file. UserError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path.name} cannot be read: {error.strerror}.") from None


def read_foreign(text: str, name: str) -> Batch:
    """The results of a text that someone else may have written, and the looks beside them: every
    line is checked further, for names that stand twice, numbers that cannot be and metrics that are
    not known here.
    """
    batch = Batch([])
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{name}, line {number}"
            fields = parse_json(line, where)
            if is_looks(fields):
                batch.looks.append(IncomingLooks(read_fields(fields, where), where))
                continue
            _check_numbers(fields, where)
            batch.results.append(admit(_read_line(line.encode(), where), where))
    return batch


def _check_numbers(fields: Any, where: str) -> None:
    """pydantic takes true and "0.5" for numbers; a file that holds them was not written here."""
    numbers = fields.get("measurements") if isinstance(fields, dict) else None
    for position, measurement in enumerate(numbers if isinstance(numbers, list) else []):
        for name in NUMBERS if isinstance(measurement, dict) else ():
            if isinstance(measurement.get(name), bool | str):
                raise UserError(f"{where} at measurements.{position}.{name}: it is no number.")


def _read_line(line: bytes, where: str) -> Packed:
    try:
        return pack(Result.model_validate_json(line.decode()))
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    except ValidationError as error:
        reason = _reason(error)
    except (ValueError, UserError) as error:
        reason = str(error).rstrip(".")
    raise UserError(f"{where} is no result: {shown(reason, 300)}.")


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(shown(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{name} is not known here, so that a later nmviz may have written it: update nmviz"
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{name}: {message}" if name else message


def write_jsonl(results: Iterable[Result], path: Path, looks: Iterable[Beside] = ()) -> int:
    """Write results to a file, and looks behind them, whole or not at all, and give the number of
    results.

    ValueError for a partial result; UserError when the file cannot be written.
    """
    lines = [pack(result).text + "\n" for result in results]
    write_whole(path, "".join([*lines, *(f"{line_of(one)}\n" for one in looks)]))
    return len(lines)
