"""The scaling of rotary positions that a GGUF file states, which transformers leaves out."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nmviz.base.errors import UserError

FACTORS = "rope_freqs.weight"
"""The tensor that each frequency is divided by (Llama 3.1 and 3.2)."""
UNSCALED = ("none", "")
BY_LAYER = ("full_attention", "sliding_attention")
"""Gemma 3's two kinds of layers: only those of full attention are scaled."""
SAYS_NOTHING = ("finetuned",)


@dataclass(frozen=True)
class Scaling:
    """`stated` holds what stands behind `rope.scaling.` in the head, `freqs` the tensor."""

    stated: Mapping[str, Any]
    freqs: tuple[float, ...]
    context: int

    @property
    def type(self) -> str:
        """llama.cpp takes a factor without a type as linear."""
        return str(self.stated.get("type", "linear" if self.factor != 1 else "none"))

    @property
    def factor(self) -> float:
        return float(self.stated.get("factor") or 1.0)


def scaling_of(reader: Any, kind: str) -> Scaling:
    """What the head and the tensors of a file say, read by gguf's reader."""
    start = f"{kind}.rope.scaling."
    stated = {
        name.removeprefix(start): entry.contents()
        for name, entry in reader.fields.items()
        if name.startswith(start)
    }
    old = reader.fields.get(f"{kind}.rope.scale_linear")
    if old is not None:
        stated.setdefault("factor", old.contents())
    freqs = next((one.data for one in reader.tensors if one.name == FACTORS), ())
    length = reader.fields.get(f"{kind}.context_length")
    return Scaling(stated, tuple(map(float, freqs)), 0 if length is None else length.contents())


def apply(config: Any, scaling: Scaling, model_id: str) -> None:
    """Change the config's rotary positions to those that the file states, as llama.cpp computes
    them; nothing where it states none. UserError for a scaling that is not known here."""
    if scaling.type in UNSCALED and not scaling.freqs:
        return
    named = [scaling.type] * (scaling.type not in UNSCALED) + [FACTORS] * bool(scaling.freqs)
    make = _MADE.get(named[0]) if len(named) == 1 else None
    made = make(scaling) if make else None
    rope = getattr(config, "rope_parameters", None) or {}
    layered = set(rope) == set(BY_LAYER)
    plain = rope[BY_LAYER[0]] if layered else rope
    unlike = plain.get("rope_type") != "default" or (layered and named != ["linear"])
    if made is None or unlike:
        raise UserError(
            f"{model_id} scales its rotary positions ({' and '.join(named)}) in a way that is not "
            "known here: choose the model as safetensors."
        )
    plain.update(made)


def _linear(scaling: Scaling) -> dict[str, Any] | None:
    if not _only(scaling, "original_context_length"):
        return None
    return {"rope_type": "linear", "factor": scaling.factor}


def _yarn(scaling: Scaling) -> dict[str, Any] | None:
    """YaRN as llama.cpp has it: its magnitude is 1 + 0.1 ln(factor), times what the file states."""
    stated = scaling.stated
    own = ("attn_factor", "original_context_length", "yarn_beta_fast", "yarn_beta_slow")
    if not _only(scaling, *own):
        return None
    magnitude = float(stated.get("attn_factor", 1.0)) * (1 + 0.1 * math.log(scaling.factor))
    return {
        "rope_type": "yarn",
        "factor": scaling.factor,
        "attention_factor": magnitude,
        "beta_fast": float(stated.get("yarn_beta_fast", 32.0)),
        "beta_slow": float(stated.get("yarn_beta_slow", 1.0)),
        "original_max_position_embeddings": _original(scaling),
    }


def _by_frequency(scaling: Scaling) -> dict[str, Any]:
    """transformers divides each frequency by a number of its own in what it calls longrope; here
    with the same numbers for short and long texts, and no magnitude."""
    return {
        "rope_type": "longrope",
        "short_factor": list(scaling.freqs),
        "long_factor": list(scaling.freqs),
        "factor": 1.0,
        "attention_factor": 1.0,
        "original_max_position_embeddings": _original(scaling),
    }


def _original(scaling: Scaling) -> int:
    return int(scaling.stated.get("original_context_length") or scaling.context)


def _only(scaling: Scaling, *names: str) -> bool:
    """Whether the file states nothing but these and what every scaling has."""
    return set(scaling.stated) <= {"type", "factor", *SAYS_NOTHING, *names}


_MADE: Mapping[str, Callable[[Scaling], dict[str, Any] | None]] = {
    "linear": _linear,
    "yarn": _yarn,
    FACTORS: _by_frequency,
}
