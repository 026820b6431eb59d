"""Pictures of layers kept on disk, so that who opens the page need not wait for the model.

Only of texts that ship with the page: nothing a visitor wrote is kept.
"""

import hashlib
import io
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

import nmviz
from nmviz.base.cache import cache_dir
from nmviz.base.errors import UserError
from nmviz.base.whole_files import replace_with
from nmviz.core.experiment import Experiment
from nmviz.core.results import Histogram, MaskWindow, SiteLook
from nmviz.core.running import usual_device
from nmviz.sources import models

MOST = 200
"""Files, the least recently written out first: some 30 kB each."""
ARRAYS = {
    "inputs": (Histogram, ("edges", "kept", "dropped")),
    "mask": (MaskWindow, ("kept", "values", "scores", "kept_of_column")),
}
SPOILED = (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile, zlib.error)
"""What a file that is not there, or not whole, is met with: its picture is made again."""
PICTURED_BY = ("core", "engine", "methods")
"""The folders whose code decides what a picture shows."""


def kept_or(made: Callable[[], SiteLook], experiment: Experiment, *asked: object) -> SiteLook:
    """The look that was kept of that experiment and that question, else the one that is `made`,
    which is kept. Where the disk takes none it is made anew each time."""
    path = _path(experiment, asked)
    with suppress(*SPOILED):
        return unpacked(path.read_bytes())
    look = made()
    with suppress(OSError, UserError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_with(path, packed(look))
        _tidy(path.parent)
    return look


def packed(look: SiteLook) -> bytes:
    """As one compressed file of arrays, to the last bit; what is no array as JSON within."""
    arrays = {
        f"{part}.{name}": getattr(getattr(look, part), name)
        for part, (_, names) in ARRAYS.items()
        for name in names
    }
    plain = {
        part: _plain(getattr(look, part), names) for part, (_, names) in ARRAYS.items()
    } | _plain(look, tuple(ARRAYS))
    file = io.BytesIO()
    np.savez_compressed(file, plain=np.array(json.dumps(plain)), **arrays)
    return file.getvalue()


def unpacked(data: bytes) -> SiteLook:
    """What `packed` was given; one of SPOILED for anything else."""
    with np.load(io.BytesIO(data), allow_pickle=False) as read:
        told = json.loads(str(read["plain"]))
        told["mask"]["row_labels"] = tuple(told["mask"]["row_labels"])
        for part, (kind, names) in ARRAYS.items():
            told[part] = kind(**told[part], **{name: read[f"{part}.{name}"] for name in names})
    return SiteLook(**told)


def _plain(thing: Any, without: tuple[str, ...]) -> dict[str, Any]:
    return {one.name: getattr(thing, one.name) for one in fields(thing) if one.name not in without}


def _path(experiment: Experiment, asked: tuple[object, ...]) -> Path:
    """Named by everything that the pictures depend on."""
    depends = [
        *(nmviz.__version__, _code(), usual_device(), models.identify(experiment.model)),
        *(experiment.canonical_json(), repr(asked)),
    ]
    return cache_dir() / "looks" / f"{hashlib.sha256(json.dumps(depends).encode()).hexdigest()}.npz"


@cache
def _code() -> list[str]:
    """Whoever changes what draws a picture gets none of before."""
    package = Path(nmviz.__file__).parent
    files = (file for folder in PICTURED_BY for file in sorted((package / folder).rglob("*.py")))
    known = ((file, file.stat()) for file in files)
    return [f"{file.name} {stat.st_size} {stat.st_mtime_ns}" for file, stat in known]


def _tidy(folder: Path) -> None:
    files = sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime_ns)
    for file in files[:-MOST]:
        file.unlink(missing_ok=True)
