"""The folder where fetched files live, and hashes of files, remembered."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from nmviz.base.errors import StorageError, UserError
from nmviz.base.whole_files import replace_with

BLOCK = 1 << 20
ENVIRONMENT = "NMVIZ_CACHE"
MOVE = "or set {} to a folder on a larger disk"
MOVE_IT = MOVE.format(ENVIRONMENT)
FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
SAID = (*FULL, *FORBIDDEN)
"""What a disk may say that has words of its own."""


def cache_dir() -> Path:
    """The cache folder: NMVIZ_CACHE where it is set, else the user's own. It may not exist yet."""
    named = os.environ.get(ENVIRONMENT, "").strip()
    try:
        return Path(named).expanduser().absolute() if named else Path(_user_cache())
    except RuntimeError:  # a ~ of nobody, or no home at all
        raise _no_folder(Path(named), ENVIRONMENT) from None


def at_home(named: str) -> Path:
    """A path whose ~ is the user's home; as it stands where that is nobody's."""
    try:
        return Path(named).expanduser()
    except RuntimeError:
        return Path(named)


def _user_cache() -> str:
    return platformdirs.user_cache_dir("nmviz")


def make_folder(folder: Path, variable: str = ENVIRONMENT) -> Path:
    """Create the folder, which `variable` can move, and return it. UserError when that is not
    possible."""
    with disk_errors(folder, variable):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in SAID:
                raise
            raise _no_folder(folder, variable) from None
    return folder


def _no_folder(folder: Path, variable: str) -> StorageError:
    said = f"The folder {folder} cannot be made: set {variable} to a folder that can."
    return StorageError(said, folder)


@contextmanager
def disk_errors(folder: Path, variable: str = ENVIRONMENT) -> Iterator[None]:
    """A disk that is full or cannot be written becomes one sentence (StorageError)."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            said = f"The disk with the folder {folder} is full: make room, {MOVE.format(variable)}."
            raise StorageError(said, folder) from None
        if error.errno in FORBIDDEN:
            raise StorageError(
                f"The folder {folder} cannot be written: set {variable} to a folder that can.",
                folder,
            ) from None
        raise


def require_space(folder: Path, needed: int, purpose: str, variable: str = ENVIRONMENT) -> None:
    """StorageError when fewer than `needed` bytes are free on the disk that holds `folder`, which
    `variable` can move."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"{purpose} needs {megabytes(needed)} MB in the folder {folder}, where "
            f"{megabytes(free)} MB are free: make room, {MOVE.format(variable)}.",
            folder,
        )


def megabytes(count: int) -> str:
    """A byte count in whole MB, rounded up, as `1,234`."""
    return f"{-(-count // 1_000_000):,}"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """SHA-256 of a file, read again only when its path, size or time of change is new."""
    status = path.stat()
    identity = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
    memo = cache_dir() / "hashes" / hashlib.sha256(identity.encode()).hexdigest()
    try:
        known = memo.read_text("ascii")
    except (OSError, ValueError):
        known = ""
    if len(known) == 64:
        return known
    digest = file_sha256(path)
    with suppress(UserError, OSError):  # a cache that cannot be written only costs time
        write_whole(memo, digest)
    return digest


def write_whole(path: Path, text: str) -> None:
    """Write a small text file of the cache, its folder made."""
    make_folder(path.parent)
    with disk_errors(path.parent):
        replace_with(path, text.encode())
