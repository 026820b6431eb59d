"""Where models come from: pinned wheels, local folders and GGUF files, the model hub.

Nothing here loads torch; `engine.load.loading` turns what is located here into a model.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from nmviz.base.cache import remembered_sha256
from nmviz.base.errors import UserError
from nmviz.sources import hub
from nmviz.sources.model_info import (
    PUT_BACK,
    UNSTATED,
    ModelInfo,
    from_config,
    from_gguf,
    has_template,
    read_json,
)
from nmviz.sources.on_offer import named, offer, offered_since, stored, themselves, told
from nmviz.sources.pinned import MODELS
from nmviz.sources.saved import Saved, saved_in
from nmviz.sources.wheels import fetch

__all__ = [
    "MODELS",
    "PUT_BACK",
    "UNSTATED",
    "ModelFiles",
    "ModelInfo",
    "base_of",
    "describe",
    "fetch_again",
    "identify",
    "is_local",
    "largest_in_fp32",
    "locate",
    "offer",
    "offered",
    "offered_since",
    "read_config",
    "recipe_of",
    "refuse_without_weights",
    "remedy",
    "saved_of",
    "spelled",
    "stored",
    "themselves",
]


@dataclass(frozen=True)
class ModelFiles:
    """Where a model lies. `gguf` names the GGUF file in `folder`, None for safetensors."""

    folder: Path
    gguf: str | None
    sha256: str


def describe(model_id: str) -> ModelInfo:
    """What can be said of a model without loading it. UserError when there is no such model."""
    if model_id in MODELS:
        return MODELS.get(model_id).info
    if known := stored(model_id):
        return known.info
    recipe, path = recipe_of(model_id), _local(model_id)
    if recipe is not None:
        base = describe(_base(recipe))
        called = recipe.folder.name
        return replace(base, id=model_id, title=called, note=recipe.note, pinned=False)
    if path is None:
        config = hub.text_file(model_id, "config.json")
        chat = has_template(partial(hub.text_file, model_id, needed=False), remedy(model_id))
        about = read_json(config, remedy(model_id))
        return from_config(model_id, model_id.split("@")[0], about, chat)
    folder, weights = _weights_in(path)
    if weights[0].endswith(".gguf"):
        return from_gguf(model_id, folder / weights[0])
    chat = has_template(lambda name: folder / name, PUT_BACK)
    info = from_config(model_id, path.name, read_json(folder / "config.json", PUT_BACK), chat)
    saved = saved_in(folder)
    return info if saved is None else replace(info, note=saved.note)


def saved_of(model_id: str) -> Saved | None:
    """What nmviz prune wrote into the folder that a model is; None for all else. UserError where
    there is no such model."""
    path = None if _is_named(model_id) else _local(model_id)
    return None if path is None else saved_in(path)


def recipe_of(model_id: str) -> Saved | None:
    """The recipe for activations that a folder holds in place of a model; None for all else."""
    saved = saved_of(model_id)
    return saved if saved is not None and saved.is_recipe else None


def _base(recipe: Saved) -> str:
    """The model that a recipe is for. UserError where it is a recipe itself, or not there."""
    try:
        if recipe_of(recipe.source.model) is None:
            return recipe.source.model
    except UserError as error:
        raise UserError(f"The model of the recipe {recipe.folder} is not there: {error}") from None
    raise UserError(f"The recipe {recipe.folder} names a recipe as its model: make it anew.")


def base_of(recipe: Saved) -> str:
    """The same, checked: UserError where the model is not the one that the recipe was made from,
    or the recipe is not as it was written."""
    base = _base(recipe)
    recipe.refuse_changed()
    if identify(base) != recipe.source.sha256:
        raise UserError(
            f"{base} is not the model that the recipe {recipe.folder} was made from (SHA-256 "
            f"{recipe.source.sha256[:12]}): put that one there, or make the recipe anew."
        )
    return base


def read_config(model_id: str) -> dict[str, Any]:
    """The model's config.json, read before any weights are fetched; empty for GGUF files."""
    if model_id in MODELS:
        return {}
    recipe, path = recipe_of(model_id), _local(model_id)
    if recipe is not None:
        return read_config(_base(recipe))
    if path is None:
        return read_json(hub.text_file(model_id, "config.json"), remedy(model_id))
    folder, weights = _weights_in(path)
    if weights[0].endswith(".gguf"):
        return {}
    return read_json(folder / "config.json", PUT_BACK)


def locate(model_id: str) -> ModelFiles:
    """Where the model lies, of a recipe the one that it is for; fetched first where it is missing.
    UserError when it cannot be had."""
    if model_id in MODELS:
        pinned = MODELS.get(model_id).gguf
        return ModelFiles(fetch(pinned).parent, pinned.name, pinned.sha256)
    if known := stored(model_id):
        raise known.refusal
    if recipe := recipe_of(model_id):
        return locate(base_of(recipe))
    path = _local(model_id) or _snapshot(model_id)
    folder, weights = _weights_in(path)
    if weights[0].endswith(".gguf"):
        return ModelFiles(folder, weights[0], remembered_sha256(folder / weights[0]))
    return ModelFiles(folder, None, _folder_sha256(folder, weights))


def largest_in_fp32(model_id: str) -> int:
    """Bytes that its weights take in fp32 at the most, by the sizes of its files: in a GGUF file a
    weight has 2 bits at least, in safetensors 16. UserError as `locate`."""
    files = locate(model_id)
    if files.gguf:
        return 16 * (files.folder / files.gguf).stat().st_size
    return 2 * sum(one.stat().st_size for one in files.folder.glob("*.safetensors"))


def is_local(model_id: str) -> bool:
    """Whether it is a folder or a file here. UserError where there is no such model."""
    return not _is_named(model_id) and _local(model_id) is not None


def spelled(model_id: str) -> str:
    """The one spelling of a model's name: of a folder or a file its whole path. UserError where
    there is no such model."""
    path = None if _is_named(model_id) else _local(model_id)
    return model_id if path is None else str(path.resolve())


def remedy(model_id: str) -> str:
    """What to do about a broken file of the model, in words for the end of a sentence."""
    if is_local(model_id):
        return PUT_BACK
    return f"nmviz models --fetch {model_id} fetches it again"


def fetch_again(model_id: str) -> ModelFiles:
    """Where the model lies once what is not whole was fetched again. Of what lies in a folder of
    the user's nothing is fetched. UserError as for `locate`."""
    if model_id in MODELS:
        pinned = MODELS.get(model_id).gguf
        return ModelFiles(fetch(pinned, again=True).parent, pinned.name, pinned.sha256)
    if _local(model_id) is None:
        hub.snapshot(model_id, again=True)
        _snapshot.cache_clear()
    return locate(model_id)


def identify(model_id: str) -> str:
    """SHA-256 of a model: of its GGUF file, or over the names and hashes of its files; of a recipe
    its own."""
    if model_id in MODELS:
        return MODELS.get(model_id).gguf.sha256
    if known := stored(model_id):
        return known.sha256
    if recipe := recipe_of(model_id):
        base_of(recipe)
        return recipe.identity
    return locate(model_id).sha256


def offered() -> list[ModelInfo]:
    """The models to choose from: the pinned ones, those NMVIZ_MODELS names, those added since, and
    those that are known by what is stored of them."""
    extra, known = named(), told()
    only_stored = [one.info for name, one in known.items() if name not in {*MODELS, *extra}]
    pinned = [model.info for model in MODELS.values()]
    return [*pinned, *map(_describe_or_say_why, extra), *only_stored]


def _is_named(model_id: str) -> bool:
    """Whether it is known by its name, whatever lies in a folder of that name."""
    return model_id in MODELS or stored(model_id) is not None


def refuse_without_weights(model_id: str) -> None:
    """UserError for a model whose weights are none that are read, before they are fetched, and for
    one that cannot be fetched."""
    if model_id in MODELS:
        return
    recipe, path = recipe_of(model_id), _local(model_id)
    if recipe is not None:
        raise _no_model(recipe)
    if path is None:
        hub.refuse_without_weights(model_id)
    else:
        _weights_in(path)


def _no_model(recipe: Saved) -> UserError:
    return UserError(
        f"{recipe.folder} holds a recipe for activations and no model: nmviz run --model takes it; "
        "here choose the model that it was made for."
    )


def _describe_or_say_why(model_id: str) -> ModelInfo:
    """One model that cannot be had now must not take the others off the page."""
    try:
        if recipe := recipe_of(model_id):
            raise _no_model(recipe)
        return describe(model_id)
    except UserError as error:
        title = model_id.rstrip("/").rsplit("/", 1)[-1]
        return ModelInfo(model_id, title, UNSTATED, str(error), 0, (), 0)


def _local(model_id: str) -> Path | None:
    """The folder or GGUF file of that name; None when it can only be a hub id."""
    try:
        path = Path(model_id).expanduser()
        if path.exists():
            return path.absolute()
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, no such home
        raise UserError(f"{model_id[:80]!r} is not a path: check it.") from None
    if model_id.startswith(("/", ".", "~")) or model_id.endswith(".gguf"):
        raise UserError(f"There is no folder or GGUF file {model_id}: check the path.")
    if "/" not in model_id:
        MODELS.get(model_id)  # raises, with the names that are near
    hub.split_id(model_id)
    return None


def _weights_in(path: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder and the weight files to use from a folder or a GGUF file."""
    if path.is_file():
        if path.suffix != ".gguf":
            raise UserError(f"{path} is not a GGUF file: give one, or a folder with a model.")
        return path.parent, (path.name,)
    try:
        names = [entry.name for entry in path.iterdir() if entry.is_file()]
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check it.") from None
    weights = hub.choose_weights(names, str(path))
    if weights[0].endswith(".safetensors") and "config.json" not in names:
        raise UserError(f"{path} holds weights but no config.json: put it beside them.")
    return path, weights


@lru_cache(maxsize=64)
def _snapshot(model_id: str) -> Path:
    """Asked of the hub once in a process, so that a run has one commit from start to end."""
    return hub.snapshot(model_id)


def _folder_sha256(folder: Path, weights: tuple[str, ...]) -> str:
    """SHA-256 over `name hash` lines of weights, config and tokenizer files, sorted by name."""
    names = {*weights, *(name for name in hub.TEXT_FILES if (folder / name).is_file())}
    lines = [f"{name} {remembered_sha256(folder / name)}\n" for name in sorted(names)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
