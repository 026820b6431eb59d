"""Results in a text file: one JSON object a line, the text that the content hash is taken of."""

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from nmviz.errors import UserError
from nmviz.results import Result
from nmviz.store.rows import Packed, pack


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


def read_bytes(path: Path) -> bytes:
    """What is in a file. UserError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path.name} cannot be read: {error.strerror}.") from None


def _read_line(line: bytes, where: str) -> Packed:
    try:
        return pack(Result.model_validate_json(line.decode()))
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    except ValidationError as error:
        reason = _reason(error)
    except (ValueError, UserError) as error:
        reason = str(error).rstrip(".")
    raise UserError(f"{where} is no result: {reason}.")


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{name}: {message}" if name else message


def write_jsonl(results: Iterable[Result], path: Path) -> int:
    """Write results to a file, whole or not at all, and give their number.

    ValueError for a partial result; UserError when the file cannot be written.
    """
    lines = [pack(result).text + "\n" for result in results]
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        beside.write_text("".join(lines), encoding="utf-8", newline="\n")
        os.replace(beside, path)
    except OSError as error:
        raise UserError(f"{path.name} cannot be written: {error.strerror}.") from None
    finally:
        beside.unlink(missing_ok=True)
    return len(lines)
