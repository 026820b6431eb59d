"""What files tell of a model before it is loaded: its config, its chat template, the head of a GGUF
file."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from nmviz.base.errors import UserError
from nmviz.sources.widths import Layer, Widths, first_number, uniform, widths

SEPARATE_PROJECTIONS = frozenset(
    ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "smollm3", "olmo2")
)
"""Model types whose seven projections are known from the config alone."""

CONTEXTS = (
    "max_position_embeddings",
    "n_positions",
    "n_ctx",
    "max_seq_len",
    "max_sequence_length",
    "seq_length",
    "max_target_positions",
    "context_length",
)
"""How types call the number of tokens that their model reads at once."""

PUT_BACK = "put the whole file there again"
UNSTATED = "not stated here: see where it comes from"


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model before it is loaded.

    `blocks` and `context` (most tokens at once) are 0, and `projections` empty, where only loading
    tells. `d_in` and `d_out` map a projection to its widths, where they are known. `terms` is a
    sentence with the name and the address of terms that bind whoever uses the model; empty for an
    ordinary licence. Of a `published` model only published results are known: it is not loaded.
    Nor is a `stored` one, of which only results with looks are here, and not its files.
    `experts` maps a projection that a mixture has several of to what each is called, such as
    experts.0.down_proj; `routers` are none of the projections. `ranges` are the smallest and
    largest d_in where blocks differ, `coverage` what pruning every projection covers, where a pass
    without weights can be run, and `matrices` then all layers of all blocks.
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
    stored: bool = False
    experts: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    routers: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict, hash=False)
    coverage: Mapping[str, Any] | None = field(default=None, hash=False)
    matrices: tuple[Layer, ...] = field(default=(), hash=False, repr=False)

    @property
    def is_here(self) -> bool:
        """Whether it can be run, and not only be read about."""
        return not (self.published or self.stored)

    @property
    def every(self) -> tuple[Layer, ...]:
        """All layers of all blocks, as one token uses them; empty where that is not known."""
        alike = not self.experts and not self.ranges
        return self.matrices or (uniform(self.d_in, self.d_out, self.blocks) if alike else ())

    def pooled(self, layer: str) -> str:
        """The projection that a layer is of: an expert's, else its own."""
        several = (name for name, each in self.experts.items() if layer in each)
        return next(several, layer)

    def alone(self, layer: str) -> str:
        """The layer that is shown for a projection: of experts the first."""
        return self.experts[layer][0] if layer in self.experts else layer

    @property
    def layers(self) -> tuple[str, ...]:
        """What can be looked at in a block: the projections, of experts each."""
        plain = (name for name in self.projections if name not in self.experts)
        return (*plain, *(name for each in self.experts.values() for name in each))


def read_json(path: Path | None, remedy: str) -> dict[str, Any]:
    """An object of JSON, empty without a file. UserError, with what to do about it, for a file that
    holds something else."""
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text("utf-8"), object_hook=_decoded)
    except (OSError, ValueError):
        raise UserError(f"{path} is not readable JSON: {remedy}.") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a config: {remedy}.")
    return content


def _decoded(entry: dict[str, Any]) -> Any:
    """A number that JSON has no word for, as transformers writes it: {"__float__": "Infinity"}."""
    special = entry.get("__float__") if len(entry) == 1 else None
    return float(special) if special in ("Infinity", "-Infinity", "NaN") else entry


def has_template(find: Callable[[str], Path | None], remedy: str) -> bool:
    """Whether the tokenizer has a chat template, in its settings or beside them."""
    settings, *beside = ("tokenizer_config.json", "chat_template.jinja", "chat_template.json")
    path = find(settings)
    if path and path.is_file() and "chat_template" in read_json(path, remedy):
        return True
    return any(path.is_file() for path in map(find, beside) if path)


def from_config(model_id: str, title: str, config: Mapping[str, Any], chat: bool) -> ModelInfo:
    """What a config.json tells, under the names that different architectures use."""
    part = config.get("text_config")
    text = part if part and isinstance(part, Mapping) else config
    separate = str(text.get("model_type")) in SEPARATE_PROJECTIONS
    d_in, d_out = widths(text) if separate else ({}, {})
    return ModelInfo(
        id=model_id,
        title=title,
        licence=UNSTATED,
        note="",
        blocks=first_number(text, "num_hidden_layers", "n_layer", "num_layers"),
        projections=tuple(d_in),
        context=first_number(text, *CONTEXTS),
        d_in=d_in,
        d_out=d_out,
        chat=chat,
    )


def from_gguf(model_id: str, file: Path) -> ModelInfo:
    """What the head of a GGUF file tells. UserError for another kind of file."""
    status = file.stat()
    about = _gguf_config(file, status.st_size, status.st_mtime_ns)
    info = from_config(model_id, file.name, about, bool(about["chat"]))
    return replace(info, note="The weights were stored in few bits and are dequantised.")


@lru_cache(maxsize=16)
def _gguf_config(file: Path, size: int, changed: int) -> dict[str, Any]:
    """The head of a GGUF file under the names of a config.json; read again when it changed."""
    import gguf

    try:
        fields = gguf.GGUFReader(file).fields
        kind = fields["general.architecture"].contents()
    except Exception:  # the reader raises whatever the broken bytes lead it to
        raise UserError(f"{file} is not a readable GGUF file: {PUT_BACK}.") from None
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
