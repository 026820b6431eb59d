"""Hidden states between two blocks: in memory, or in a file where there is no room for them."""

import tempfile
from typing import IO, TypeVar

import torch
from torch import Tensor

from nmviz.base.cache import cache_dir, disk_errors, make_folder, require_space

T = TypeVar("T", Tensor, Tensor | None)


class Hidden:
    """One tensor [windows, tokens, d_model], float32, a batch of windows, all of the same shape but
    the last, which may have fewer windows.

    A file is read and written plainly: of one that is mapped what was touched counts as memory of
    the process. It has no name and is gone with the process. StorageError where the disk is full.
    """

    def __init__(self, in_file: bool) -> None:
        self._held: dict[int, Tensor] = {}
        self._shapes: dict[int, torch.Size] = {}
        self._file: IO[bytes] | None = None
        self._step = 0  # bytes from a batch to the next
        if in_file:
            folder = make_folder(cache_dir())
            with disk_errors(folder):
                self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - kept

    def __getitem__(self, batch: int) -> Tensor:
        if self._file is None:
            return self._held[batch]
        shape = self._shapes[batch]
        made = torch.empty(shape)
        self._file.seek(batch * self._step)
        into, done = made.numpy().data.cast("B"), 0
        while done < len(into):
            done += self._file.readinto(into[done:])  # type: ignore[attr-defined]
        return made

    def __setitem__(self, batch: int, hidden: Tensor) -> None:
        if self._file is None:
            self._held[batch] = hidden
            return
        self._step = self._step or hidden.nbytes  # the first batch is a whole one
        self._shapes[batch] = hidden.shape
        with disk_errors(cache_dir()):
            self._file.seek(batch * self._step)
            rest = hidden.contiguous().numpy().data.cast("B")
            while rest:
                rest = rest[self._file.write(rest) :]

    @property
    def batches(self) -> list[int]:
        """Those that are there."""
        return list(self._held if self._file is None else self._shapes)

    def get(self, batch: int, other: T) -> Tensor | T:
        """That batch where there is one by now, else the other."""
        return self[batch] if batch in self.batches else other


def check_disk(needed: int) -> None:
    """StorageError where so many bytes of hidden states have no place on the disk."""
    require_space(make_folder(cache_dir()), needed, "The hidden states of this run")
