"""Where models come from: pinned wheels, local folders and GGUF files, the model hub.

Nothing here loads torch; `engine.load.loading` turns what is located here into a model.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from nmviz.base.cache import remembered_sha256
from nmviz.base.errors import UserError
from nmviz.base.registry import Registry
from nmviz.methods.scopes import PROJECTIONS
from nmviz.sources import hub, pins
from nmviz.sources.wheels import PinnedFile, fetch
from nmviz.sources.widths import Widths, block_widths, first_number, widths

SEPARATE_PROJECTIONS = frozenset(
    ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "smollm3", "olmo2")
)
"""Model types whose seven projections are known from the config alone."""

OFFERED = "NMVIZ_MODELS"
UNSTATED = "not stated here: see where it comes from"


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model before it is loaded.

    `blocks` and `context` (most tokens at once) are 0, and `projections` empty, where only loading
    tells. `d_in` and `d_out` map a projection to its widths, where they are known. `terms` is a
    sentence with the name and the address of terms that bind whoever uses the model; empty for an
    ordinary licence. Of a `published` model only published results are known: it is not loaded.
    """

    id: str
    title: str
    licence: str
    note: str
    blocks: int
    projections: tuple[str, ...]
    context: int
    d_in: Widths = field(default_factory=dict, hash=False)
    d_out: Widths = field(default_factory=dict, hash=False)
    chat: bool = False
    pinned: bool = False
    terms: str = ""
    published: bool = False


@dataclass(frozen=True)
class ModelFiles:
    """Where a model lies. `gguf` names the GGUF file in `folder`, None for safetensors."""

    folder: Path
    gguf: str | None
    sha256: str


@dataclass(frozen=True)
class PinnedModel:
    """A model that comes from the package index as one GGUF file."""

    info: ModelInfo
    gguf: PinnedFile


MODELS: Registry[PinnedModel] = Registry("model")


def describe(model_id: str) -> ModelInfo:
    """What can be said of a model without loading it. UserError when there is no such model."""
    if model_id in MODELS:
        return MODELS.get(model_id).info
    path = _local(model_id)
    if path is None:
        config = hub.text_file(model_id, "config.json")
        chat = _has_template(partial(hub.text_file, model_id, needed=False))
        return _from_config(model_id, model_id.split("@")[0], _json(config), chat)
    folder, weights = _weights_in(path)
    if weights[0].endswith(".gguf"):
        return _from_gguf(model_id, folder / weights[0])
    chat = _has_template(lambda name: folder / name)
    return _from_config(model_id, path.name, _json(folder / "config.json"), chat)


def read_config(model_id: str) -> dict[str, Any]:
    """The model's config.json, read before any weights are fetched; empty for GGUF files."""
    if model_id in MODELS:
        return {}
    path = _local(model_id)
    if path is None:
        return _json(hub.text_file(model_id, "config.json"))
    folder, weights = _weights_in(path)
    return {} if weights[0].endswith(".gguf") else _json(folder / "config.json")


def locate(model_id: str) -> ModelFiles:
    """Where the model lies, fetched first where it is missing. UserError when it cannot be had."""
    if model_id in MODELS:
        pinned = MODELS.get(model_id).gguf
        return ModelFiles(fetch(pinned).parent, pinned.name, pinned.sha256)
    path = _local(model_id) or _snapshot(model_id)
    folder, weights = _weights_in(path)
    if weights[0].endswith(".gguf"):
        return ModelFiles(folder, weights[0], remembered_sha256(folder / weights[0]))
    return ModelFiles(folder, None, _folder_sha256(folder, weights))


def identify(model_id: str) -> str:
    """SHA-256 of a model: of its GGUF file, or over the names and hashes of its files."""
    if model_id in MODELS:
        return MODELS.get(model_id).gguf.sha256
    return locate(model_id).sha256


def offered() -> list[ModelInfo]:
    """The models to choose from: the pinned ones, then those NMVIZ_MODELS names."""
    named = [part.strip() for part in os.environ.get(OFFERED, "").split(",")]
    extra = [name for name in dict.fromkeys(named) if name and name not in MODELS]
    return [*(model.info for model in MODELS.values()), *map(_describe_or_say_why, extra)]


def _describe_or_say_why(model_id: str) -> ModelInfo:
    """One model that cannot be had now must not take the others off the page."""
    try:
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


def _json(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{path} is not readable JSON: fetch the model again.") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a config: fetch the model again.")
    return content


def _has_template(find: Callable[[str], Path | None]) -> bool:
    """Whether the tokenizer has a chat template, in its settings or beside them."""
    settings, *beside = ("tokenizer_config.json", "chat_template.jinja", "chat_template.json")
    path = find(settings)
    if path and path.is_file() and "chat_template" in _json(path):
        return True
    return any(path.is_file() for path in map(find, beside) if path)


def _from_config(model_id: str, title: str, config: Mapping[str, Any], chat: bool) -> ModelInfo:
    """What a config.json tells, under the names that different architectures use."""
    text = config.get("text_config") or config
    separate = text.get("model_type") in SEPARATE_PROJECTIONS
    d_in, d_out = widths(text) if separate else ({}, {})
    return ModelInfo(
        id=model_id,
        title=title,
        licence=UNSTATED,
        note="",
        blocks=first_number(text, "num_hidden_layers", "n_layer", "num_layers"),
        projections=tuple(d_in),
        context=first_number(text, "max_position_embeddings", "n_positions", "n_ctx"),
        d_in=d_in,
        d_out=d_out,
        chat=chat,
    )


def _from_gguf(model_id: str, file: Path) -> ModelInfo:
    status = file.stat()
    about = _gguf_config(file, status.st_size, status.st_mtime_ns)
    info = _from_config(model_id, file.name, about, bool(about["chat"]))
    return replace(info, note="The weights were stored in few bits and are dequantised.")


@lru_cache(maxsize=16)
def _gguf_config(file: Path, size: int, changed: int) -> dict[str, Any]:
    """The head of a GGUF file under the names of a config.json; read again when it changed."""
    import gguf

    try:
        fields = gguf.GGUFReader(file).fields
        kind = fields["general.architecture"].contents()
    except Exception:  # the reader raises whatever the broken bytes lead it to
        raise UserError(f"{file} is not a readable GGUF file: fetch it again.") from None
    names = {
        "num_hidden_layers": "block_count",
        "max_position_embeddings": "context_length",
        "hidden_size": "embedding_length",
        "intermediate_size": "feed_forward_length",
        "num_attention_heads": "attention.head_count",
        "num_key_value_heads": "attention.head_count_kv",
        "head_dim": "attention.key_length",
    }
    present = {ours: fields.get(f"{kind}.{theirs}") for ours, theirs in names.items()}
    about = {ours: entry.contents() for ours, entry in present.items() if entry is not None}
    chat = "tokenizer.chat_template" in fields
    return {**about, "model_type": {"gemma3": "gemma3_text"}.get(kind, kind), "chat": chat}


def _widths(*sizes: int) -> dict[str, Any]:
    return dict(zip(("d_in", "d_out"), block_widths(*sizes), strict=True))


for _model in (
    PinnedModel(
        ModelInfo(
            id="smollm2-135m",
            title="SmolLM2 135M Instruct",
            licence="Apache-2.0",
            note="The weights were stored in 4 bits and are dequantised.",
            blocks=30,
            projections=PROJECTIONS,
            context=8192,
            chat=True,
            pinned=True,
            **_widths(576, 576, 192, 1536),
        ),
        pins.SMOLLM2_135M,
    ),
    PinnedModel(
        ModelInfo(
            id="gemma-3-270m",
            title="Gemma 3 270M",
            licence="Gemma Terms of Use",
            note="The weights were stored in 4 to 8 bits and are dequantised.",
            blocks=18,
            projections=PROJECTIONS,
            context=32_768,
            pinned=True,
            **_widths(640, 1024, 256, 2048),
            terms="Its use is bound by the Gemma Terms of Use: https://ai.google.dev/gemma/terms",
        ),
        pins.GEMMA_3_270M,
    ),
):
    MODELS.add(_model.info.id, _model)
MODELS.freeze()
