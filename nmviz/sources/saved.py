"""What `nmviz prune` wrote: a folder with pruned weights, or with a recipe for activations."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from nmviz.base.cache import remembered_sha256
from nmviz.base.errors import UserError
from nmviz.sources.model_info import PUT_BACK

ABOUT = "nmviz.json"
"""The file that says what such a folder is."""
RECIPE = "recipe.safetensors"
"""The tensors of a recipe: what the methods have at every layer."""
MASKS = "masks/masks.safetensors"
"""The masks of pruned weights, in a folder of their own: what reads every safetensors file beside a
model would take them for weights."""
FORMAT = 1
"""Raise it when the file comes to mean something else."""

OF_RUN = ("model", "artefacts", "corpus", "tokens", "window", "bos", "protocol", "stride")
"""Settings that say what was measured, and where the model lay: no part of what a recipe is."""

Kind = Literal["weights", "recipe"]


class Source(BaseModel):
    """The model that was pruned: what it is called here, and its SHA-256."""

    model_config = ConfigDict(frozen=True)

    model: str
    sha256: str


class _About(BaseModel):
    """What is read of the file; the rest is for people and other tools."""

    format: Literal[1]
    kind: Kind
    pruned: str
    source: Source
    experiment: dict[str, Any]
    sites: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True)
class Saved:
    """A folder that `nmviz prune` wrote.

    `pruned` says in words what was done, `settings` are those of the experiment; `sites` maps the
    layers that it prunes to their pattern, `files` the files whose contents count to their SHA-256.
    """

    folder: Path
    kind: Kind
    pruned: str
    source: Source
    settings: Mapping[str, Any]
    sites: Mapping[str, str]
    files: Mapping[str, str]

    @property
    def is_recipe(self) -> bool:
        """Whether it holds no model: it says how the activations of one are pruned."""
        return self.kind == "recipe"

    @property
    def words(self) -> str:
        """Where it comes from."""
        what = "a recipe of nmviz for" if self.is_recipe else "pruned by nmviz from"
        name = self.source.model.rstrip("/").rpartition("/")[2] or self.source.model
        return f"{what} {name} ({self.source.sha256[:12]}): {self.pruned}"

    @property
    def note(self) -> str:
        """The same as a sentence."""
        return f"{self.words[:1].upper()}{self.words[1:]}."

    @property
    def origin(self) -> str:
        """The same as a result says it: also whether a file was changed since, for which all are
        read."""
        changed = self.changed()
        return f"{self.words}; {changed} was changed since" if changed else self.words

    def changed(self) -> str | None:
        """The first of the files that is missing or not as it was written; None where none is."""
        for name, sha256 in sorted(self.files.items()):
            file = self.folder / name
            if not file.is_file() or remembered_sha256(file) != sha256:
                return name
        return None

    def refuse_changed(self) -> None:
        """UserError where a file is missing or not as it was written."""
        changed = self.changed()
        if changed:
            raise UserError(
                f"{self.folder / changed} is not as nmviz prune wrote it: put the whole folder "
                "there again, or make it anew."
            )

    @property
    def identity(self) -> str:
        """SHA-256 of a recipe: of what it says, its tensors, and the model that it is for."""
        told = {
            "source": self.source.sha256,
            "experiment": {
                name: said for name, said in self.settings.items() if name not in OF_RUN
            },
            "sites": dict(self.sites),
            "files": dict(self.files),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def saved_in(folder: Path) -> Saved | None:
    """What a folder is; None where `nmviz prune` did not write it. UserError where the file that
    says it cannot be read."""
    path = folder / ABOUT
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return _read(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _read(path: Path, size: int, changed: int) -> Saved:
    """Read again only when the file changed."""
    try:
        about = _About.model_validate(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, ValidationError, RecursionError):
        raise UserError(f"{path} is not what nmviz prune writes: {PUT_BACK}.") from None
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in about.files):
        raise UserError(f"{path} names a file outside its folder: {PUT_BACK}.")
    return Saved(
        folder=path.parent,
        kind=about.kind,
        pruned=about.pruned[:400],
        source=about.source,
        settings=about.experiment,
        sites=about.sites,
        files=about.files,
    )
