"""Files that come from elsewhere, read whole or refused in one sentence with the place."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nmviz.base.errors import UserError
from nmviz.base.whole_files import replace_with

LARGEST = 100 * 2**20
"""Bytes of a file that is imported."""
LARGEST_COUNT = 2**63 - 1
SURROGATES = range(0xD800, 0xE000)


def shown(text: object, longest: int = 60) -> str:
    """A text of someone else's on one line of a message: cut, control characters as `?`."""
    line = str(text)[: longest + 1]
    if not line.isprintable():  # few are not, and thousands of names are checked in this way
        line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def read_text(path: Path) -> str:
    """What is in a file of UTF-8. UserError for a missing, large or other kind of file."""
    name = shown(path.name or path)
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{name} is no file: name one file with results.")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}.") from None
    if len(data) > LARGEST:
        raise UserError(f"{name} is larger than {LARGEST // 2**20} MiB: split it into parts.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{name}, line {line}: it is not UTF-8, so it is no text.") from None


def write_whole(path: Path, text: str) -> None:
    """Write a file. UserError where it cannot be written; then what was there stays."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """The same of any file."""
    try:
        replace_with(path, data)
    except OSError as error:
        raise UserError(f"{shown(path.name)} cannot be written: {error.strerror}.") from None


class _Twice(dict[str, Any]):
    """An object that names a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


def parse_json(text: str, where: str) -> Any:
    """Strict JSON: no key twice in an object, finite numbers, no text a database would not keep.

    UserError names `where`, and the line or the path inside the document.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        line = "" if error.lineno == 1 else f", line {error.lineno}"
        reason = f"{error.msg.lower()} at character {error.colno}"
        raise UserError(f"{where}{line} is no JSON: {reason}.") from None
    except RecursionError:
        raise UserError(f"{where} is nested too deeply to be a result.") from None
    except ValueError:  # more digits than Python reads
        raise UserError(f"{where} holds a number that is too large.") from None
    for path, reason in _faults(value):
        raise UserError(f"{where}{f' at {path}' if path else ''}: {reason}.")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    return _Twice(next(name for name in names if names.count(name) > 1))


def _faults(document: Any) -> Iterator[tuple[str, str]]:
    """Path and reason of what no result may hold. No recursion: a document may be deep."""
    waiting: list[tuple[Any, Any]] = [(None, document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value, _Twice):
                yield _words(path), f"the name {shown(value.key)!r} stands there twice"
            if any(_unkeepable(key) for key in value):
                yield _words(path), "a name holds a zero character or half of one"
            waiting += [((path, key), part) for key, part in value.items()]
        elif isinstance(value, list):
            waiting += [((path, position), part) for position, part in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            yield _words(path), "it is not a finite number"
        elif isinstance(value, int) and abs(value) > LARGEST_COUNT:
            yield _words(path), "the number is too large"
        elif isinstance(value, str) and _unkeepable(value):
            yield _words(path), "the text holds a zero character or half of one"


def _unkeepable(text: str) -> bool:
    return (not text.isascii() and any(ord(c) in SURROGATES for c in text)) or "\0" in text


def _words(path: Any) -> str:
    """`results.arc_easy.acc,none` of a chain of names."""
    names: list[str] = []
    while path is not None:
        path, name = path
        names.append(shown(name, 40))
    return ".".join(reversed(names[:8]))
