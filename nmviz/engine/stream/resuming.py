"""A long streamed run keeps where it is: killed in the middle, the next start goes on with the
block that it was at.

Behind every block the hidden states are written to one of two files by turns, then, in one step, a
small file that names it with its hash: whenever the process ends, one of the two is whole.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from nmviz.base.cache import cache_dir, disk_errors, make_folder
from nmviz.base.whole_files import replace_with

LONG = 120.0
"""Seconds: a run that is likely to take longer keeps where it is."""
OLD = 7 * 24 * 3600.0
"""Seconds after which what was left behind is removed."""
POSITION = "position.json"
DAMAGED = "What an earlier run of the same had kept is damaged, so this one starts anew."
States = Iterator[tuple[str, Tensor]]


@dataclass(frozen=True)
class Saved:
    """Where a run was: behind which block, after how many seconds, with what had been summed."""

    block: int
    seconds: float
    sums: Any


class Kept:
    """What one run keeps of itself, under a key that says all that it depends on. Of two processes
    that run the same at once, the second keeps nothing."""

    def __init__(self, key: str) -> None:
        self._home = make_folder(cache_dir() / "streamed")
        self._folder = self._home / key
        self._is_ours = False
        self.note: str | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, it is this process's. What others left behind long ago is removed."""
        lock = FileLock(self._home / f"{self._folder.name}.lock", timeout=0)
        try:
            lock.acquire()
        except (Timeout, OSError):
            yield
            return
        try:
            self._is_ours = True
            _remove_old(self._home, self._folder)
            yield
        finally:
            self._is_ours = False
            lock.release()

    def read(self) -> Saved | None:
        """Where an earlier run was; None where there was none, or with a `note` where what it kept
        is damaged."""
        if not self._is_ours or not (self._folder / POSITION).is_file():
            return None
        try:
            told = json.loads((self._folder / POSITION).read_text("utf-8"))
            if _digest(self._folder / told["file"]) != told["sha256"]:
                raise ValueError(told["file"])
            return Saved(int(told["block"]), float(told["seconds"]), told["sums"])
        except (OSError, ValueError, KeyError, TypeError):
            self.note = DAMAGED
            self.drop()
            return None

    def states(self) -> States:
        """The hidden states of `read`, one at a time."""
        told = json.loads((self._folder / POSITION).read_text("utf-8"))
        with (self._folder / told["file"]).open("rb") as file:
            for name, shape in told["shapes"].items():
                made = torch.empty(shape)
                file.readinto(made.numpy().data.cast("B"))
                yield name, made

    def write(self, saved: Saved, states: States) -> None:
        """Keep where it is. StorageError where the disk is full; what was kept before stays."""
        if not self._is_ours:
            return
        with disk_errors(self._home):
            self._folder.mkdir(exist_ok=True)
            file = self._folder / f"states-{saved.block % 2}"
            shapes, digest = _write(file, states)
            told = {**vars(saved), "file": file.name, "sha256": digest, "shapes": shapes}
            replace_with(self._folder / POSITION, json.dumps(told).encode())

    def drop(self) -> None:
        """Let go of it: the run has come to its end."""
        if self._is_ours:
            shutil.rmtree(self._folder, ignore_errors=True)


def key_of(**depends_on: Any) -> str:
    """Twenty characters that stand for all that a run depends on."""
    text = json.dumps(depends_on, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _write(file: Path, states: States) -> tuple[Mapping[str, list[int]], str]:
    """Shapes by name in the order of the file, and its SHA-256 in hex."""
    shapes, digest = {}, hashlib.sha256()
    with file.open("wb") as out:
        for name, tensor in states:
            shapes[name] = list(tensor.shape)
            data = tensor.contiguous().numpy().data.cast("B")
            digest.update(data)
            out.write(data)
    return shapes, digest.hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _remove_old(home: Path, ours: Path) -> None:
    for folder in home.iterdir():
        with suppress(OSError):
            is_old = time.time() - folder.stat().st_mtime > OLD
            if folder.is_dir() and folder != ours and is_old:
                shutil.rmtree(folder, ignore_errors=True)
