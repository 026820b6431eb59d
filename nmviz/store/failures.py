"""Failed experiments: a journal beside the database, a line a try, so that none is tried for ever.

It is a file and no table: a line appended and synced is whole or can be skipped, it is read with
any editor, and deleting it forgets every failure.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nmviz.base.errors import StorageError
from nmviz.core.experiment import Experiment
from nmviz.store.store import Store

ENDING = "failures.jsonl"


@dataclass(frozen=True)
class Failure:
    """Why an experiment failed the last time, how often it was tried and when last (UTC)."""

    key: str
    reason: str
    tries: int
    last: str


class Failures:
    """The journal of one store on this machine: a line goes behind the others in one go, so that
    several sweeps may write it."""

    def __init__(self, store: Store) -> None:
        self._path = store.beside(ENDING)

    def read(self) -> dict[str, Failure]:
        """The failures by the experiment's key. A line that is not whole is none."""
        found: dict[str, Failure] = {}
        for line in _lines(self._path):
            try:
                tried = json.loads(line)
                key, reason, time = (str(tried[name]) for name in ("key", "reason", "time"))
            except (ValueError, KeyError, TypeError):
                continue
            tries = 1 + (found[key].tries if key in found else 0)
            found[key] = Failure(key, reason, tries, time)
        return found

    def add(self, experiment: Experiment, reason: str) -> Failure:
        """Write one more try down, and give what is now known. StorageError when it cannot be."""
        line = {
            "key": experiment.key,
            "reason": reason,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "experiment": experiment.to_json(),
        }
        _append(self._path, json.dumps(line))
        return self.read()[experiment.key]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"The file {path} cannot be read: {error.strerror}.", path) from None


def _append(path: Path, line: str) -> None:
    """One line to the disk itself, on a line of its own also behind a torn one."""
    try:
        with path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else f"\n{line}"
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"The file {path} cannot be written: {error.strerror}.", path) from None
