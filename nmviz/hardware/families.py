"""From a config.json to the shape of the decoder, under the names that architectures use.

A config on the hub leaves out what equals its architecture's default, so these stand here too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nmviz.base.errors import UserError
from nmviz.hardware.decoder import Attention, Block, Decoder, Layer

Config = Mapping[str, Any]
Feed = Callable[["Numbers", int], tuple[Layer, ...]]
LARGEST = 10**9
"""No size of a decoder is above it; a larger one in a file is a mistake."""
ALIKE = {"num_experts": ("num_local_experts", "num_experts")}
"""Two names that versions of transformers write for the same entry."""


@dataclass(frozen=True)
class Family:
    """What configs of one `model_type` have in common: the layers after the attention of a block,
    the defaults that a config may leave out, other names of entries, and rows of the table of
    places beyond those that the config names."""

    feed: Feed
    defaults: Config = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    places: str = ""
    more_places: int = 0


class Numbers:
    """The entries of one config, with its family's names and defaults."""

    def __init__(self, config: Config, family: Family, called: str) -> None:
        self.family, self.called = family, called
        self._config = {**family.defaults, **{k: v for k, v in config.items() if v is not None}}

    def _named(self, name: str) -> str:
        own = self.family.names.get(name, name)
        return (
            own
            if own in self._config
            else next((one for one in ALIKE.get(name, ()) if one in self._config), own)
        )

    def any(self, name: str) -> Any:
        """An entry as it stands there, None without one."""
        return self._config.get(self._named(name))

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number above 0. UserError where there is none and no default."""
        value = self.any(name)
        if value is None and default is not None:
            return default
        named = self._named(name)
        if value is None:
            raise UserError(f"{self.called} has no {named}: its costs cannot be counted without.")
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST:
            raise UserError(f"{self.called} has {named} = {str(value)[:40]}: a size is above 0.")
        return value


def gated(numbers: Numbers, block: int) -> tuple[Layer, ...]:
    """gate and up to the inner width, down from it."""
    return _three(numbers.whole("hidden_size"), numbers.whole("intermediate_size"))


def plain(numbers: Numbers, block: int) -> tuple[Layer, ...]:
    """up and down, four times as wide where the config does not say."""
    hidden = numbers.whole("hidden_size")
    inner = numbers.whole("intermediate_size", 4 * hidden)
    return Layer("up", inner, hidden), Layer("down", hidden, inner)


def mixture(numbers: Numbers, block: int) -> tuple[Layer, ...]:
    """Experts, the layer that chooses among them, and one expert that every token goes through
    where there is one; some blocks have none of these and are gated."""
    dense = numbers.any("mlp_only_layers") or ()
    if block in dense or (block + 1) % numbers.whole("decoder_sparse_step", 1):
        return gated(numbers, block)
    hidden = numbers.whole("hidden_size")
    copies, active = numbers.whole("num_experts"), numbers.whole("num_experts_per_tok")
    if active > copies:
        raise UserError(f"{numbers.called} sends a token to {active} of {copies} experts: mend it.")
    inner = numbers.whole("moe_intermediate_size")
    layers = (
        Layer("router", copies, hidden, prunable=False),
        *_three(hidden, inner, copies, active),
    )
    if numbers.any("shared_expert_intermediate_size"):
        shared = numbers.whole("shared_expert_intermediate_size")
        choice = Layer("shared_router", 1, hidden, prunable=False)
        return (*layers, choice, *_three(hidden, shared, prefix="shared_"))
    return layers


def _three(
    hidden: int, inner: int, copies: int = 1, active: int = 1, prefix: str = ""
) -> tuple[Layer, ...]:
    sizes = {"gate": (inner, hidden), "up": (inner, hidden), "down": (hidden, inner)}
    return tuple(Layer(prefix + name, *size, copies, active) for name, size in sizes.items())


_GEMMA = {"tie_word_embeddings": True, "head_dim": 256}
_WITHIN = {"moe_intermediate_size": "intermediate_size"}
FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "olmo2", "granite"), Family(gated)),
    "qwen3": Family(gated, {"head_dim": 128}),
    "phi3": Family(gated),
    "smollm3": Family(gated, {"tie_word_embeddings": True}),
    "bitnet": Family(gated),
    "gemma": Family(gated, _GEMMA),
    "gemma2": Family(gated, {**_GEMMA, "sliding_window": 4096, "sliding_window_pattern": 2}),
    "gemma3_text": Family(
        gated,
        {
            **_GEMMA,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "vocab_size": 262_208,
            "sliding_window": 4096,
            "sliding_window_pattern": 6,
        },
    ),
    "mixtral": Family(mixture, {}, {"num_experts": "num_local_experts", **_WITHIN}),
    "olmoe": Family(mixture, {}, _WITHIN),
    "qwen2_moe": Family(mixture),
    "qwen3_moe": Family(mixture),
    "gpt2": Family(
        plain,
        {"tie_word_embeddings": True, "n_positions": 1024},
        {
            "hidden_size": "n_embd",
            "num_attention_heads": "n_head",
            "num_hidden_layers": "n_layer",
            "intermediate_size": "n_inner",
        },
        places="n_positions",
    ),
    "opt": Family(
        plain,
        {"tie_word_embeddings": True, "max_position_embeddings": 2048},
        {"intermediate_size": "ffn_dim"},
        places="max_position_embeddings",
        more_places=2,
    ),
    "gpt_neox": Family(plain),
}
"""By the `model_type` of a config. One entry adds an architecture."""


def decoder(config: Config, id: str, title: str, source: str) -> Decoder:
    """The shape that a config tells. UserError where it is not known or not whole."""
    text = config.get("text_config") or config
    if not isinstance(text, Mapping):
        raise UserError(f"The config of {title} has a text_config that is no object: mend it.")
    kind = str(text.get("model_type") or config.get("model_type") or "")
    kind = {"gemma3": "gemma3_text"}.get(kind, kind)
    if kind not in FAMILIES:
        said = f"of the type {kind[:40]!r}" if kind else "of no model_type"
        raise UserError(
            f"The config of {title} is {said}, whose layers are not known here: known are "
            f"{', '.join(FAMILIES)}."
        )
    family = FAMILIES[kind]
    numbers = Numbers(text, family, f"The config of {title}")
    count = numbers.whole("num_hidden_layers")
    if count > 10_000:
        raise UserError(f"The config of {title} has {count:,} blocks: mend it.")
    tied = text.get("tie_word_embeddings", config.get("tie_word_embeddings"))
    if tied is None:
        tied = family.defaults.get("tie_word_embeddings", False)
    return Decoder(
        id=id,
        title=title,
        source=source,
        hidden=numbers.whole("hidden_size"),
        vocabulary=numbers.whole("vocab_size"),
        tied=bool(tied),
        blocks=tuple(_block(numbers, number) for number in range(count)),
        positions=numbers.whole(family.places) + family.more_places if family.places else 0,
    )


def _block(numbers: Numbers, number: int) -> Block:
    hidden, heads = numbers.whole("hidden_size"), numbers.whole("num_attention_heads")
    groups = numbers.whole("num_key_value_heads", heads)
    wide = numbers.whole("head_dim", max(hidden // heads, 1))
    queries, keys = heads * wide, groups * wide
    sizes = {
        "q": (queries, hidden),
        "k": (keys, hidden),
        "v": (keys, hidden),
        "o": (hidden, queries),
    }
    layers = tuple(Layer(name, *size) for name, size in sizes.items())
    attention = Attention(heads, groups, wide, _window(numbers, number))
    return Block((*layers, *numbers.family.feed(numbers, number)), attention)


def _window(numbers: Numbers, block: int) -> int | None:
    """How far a block sees, None for all that came before."""
    if numbers.any("sliding_window") is None or numbers.any("use_sliding_window") is False:
        return None
    window = numbers.whole("sliding_window")
    kinds = numbers.any("layer_types")
    if isinstance(kinds, list) and block < len(kinds):
        return window if kinds[block] == "sliding_attention" else None
    if numbers.any("use_sliding_window"):
        return window if block >= numbers.whole("max_window_layers", 28) else None
    every = numbers.whole("sliding_window_pattern", LARGEST)
    return window if (block + 1) % every else None
