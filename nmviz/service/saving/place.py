"""The folder that is written: whole, or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from nmviz.base.cache import FULL, megabytes
from nmviz.base.errors import StorageError, UserError


def check_place(out: Path) -> Path:
    """The whole path of a folder to write. UserError where there is something by that name already,
    or nothing that it can be put into."""
    try:
        place = out.expanduser().absolute()
        there, above = _is_there(place), place.parent.is_dir()
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, no such home
        raise UserError(f"{str(out)[:80]!r} is not a path: check it.") from None
    if there:
        raise UserError(f"{place} is there already: give --out a new name, or remove it first.")
    if not above:
        raise UserError(f"There is no folder {place.parent} to write into: make it first.")
    return place


def _is_there(place: Path) -> bool:
    try:
        place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def check_room(folder: Path, needed: int) -> None:
    """UserError where fewer bytes are free on its disk than the folder will take."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"The pruned model needs {megabytes(needed)} MB on a disk with "
            f"{free // 1_000_000:,} MB free: make room, or give --out on a larger one."
        )


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """A folder beside `out` to write into; it becomes `out` at the end of the block, and is gone
    again where the block fails. StorageError, one sentence, where the disk is full or forbids it.
    """
    try:
        workspaces = tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name[:80]}-")
        with workspaces as workspace:
            beside = Path(workspace) / "folder"
            beside.mkdir()
            yield beside
            _open_to_others(beside)
            if out.exists():  # renaming would replace an empty one
                raise UserError(f"{out} was made meanwhile: give --out a new name.")
            beside.rename(out)
    except OSError as error:
        said = "the disk is full" if error.errno in FULL else error.strerror or str(error)
        raise _not_written(out, said) from None
    except SafetensorError as error:  # its own word for a disk that is full or fails
        raise _not_written(out, str(error)) from None


def _open_to_others(folder: Path) -> None:
    """Files as readable as their folder is: safetensors writes its own for their owner alone."""
    mode = folder.stat().st_mode & 0o666
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(mode)


def _not_written(out: Path, why: str) -> StorageError:
    return StorageError(
        f"{out} cannot be written ({why[:120].rstrip('. ')}), and nothing is left of it: make "
        "room, or give --out elsewhere.",
        out,
    )
