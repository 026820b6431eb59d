"""Whether the tensors of a checkpoint are the model's: told by the heads of its files and by the
model without memory, before anything is read or allocated."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from nmviz.base.errors import UserError
from nmviz.base.wording import first_of
from nmviz.core.provenance import UNREAD
from nmviz.engine.load.configs import BUILDING, empty
from nmviz.engine.load.parts import find_part
from nmviz.engine.load.refusals import lacking, quantised, remedy_of
from nmviz.sources.hub import INDEX, WHOLE

FLOATS = ("F64", "F32", "F16", "BF16")
"""What weights are stored in, as the head of a safetensors file calls it."""
COUNTING = ("I64", "BOOL")
"""What counts, places and masks are stored in; no format packs weights into these."""
HARMLESS = re.compile(r"(inv_freq|position_ids|(attn|attention|self)\.(masked_)?bias)$")
"""Masks, positions and frequencies that older versions of transformers stored with the weights:
the model works them out itself."""
PACKED = re.compile(
    r"(scales?|scale_inv|scale_\d|zero_point|q?zeros|qweight|g_idx|absmax|quant_map|SCB|bitmask"
    r"|compressed|packed|quant_state\.[\w.]+|weight_shape|_blocks)$"
)
"""Names of tensors that a quantised or compressed layer has beside or in place of its weight."""


@dataclass(frozen=True)
class Head:
    """What the head of a file says of one tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def bits(self) -> int:
        """Of all its entries: the number in a type's name (BF16, F8_E4M3) is that of one."""
        width = re.search(r"\d+", self.dtype)
        return prod(self.shape) * int(width.group() if width else 8)


def heads(folder: Path, model_id: str) -> dict[str, Head]:
    """Every tensor of the files that transformers reads, by name. UserError for a missing file."""
    found: dict[str, Head] = {}
    for name in files_of(folder, model_id):
        if not (folder / name).is_file():
            raise UserError(
                f"{model_id} lacks its file {name[:80]}: {remedy_of(folder, model_id)}."
            )
        with safe_open(folder / name, "pt") as file:
            for tensor in file.keys():  # noqa: SIM118 - no mapping
                part = file.get_slice(tensor)
                found[tensor] = Head(part.get_dtype(), tuple(part.get_shape()))
    return found


def files_of(folder: Path, model_id: str) -> Iterable[str]:
    """The names of the files that transformers reads. UserError for an index that does not tell."""
    if (folder / WHOLE).is_file() or not (folder / INDEX).is_file():
        return [WHOLE]
    try:
        return sorted(
            {
                str(name)
                for name in json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values()
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{folder / INDEX} does not say which file holds what: {remedy_of(folder, model_id)}."
        ) from None


def compare(
    config: Any, stored: Mapping[str, Head], folder: Path, model_id: str, part: str = ""
) -> tuple[dict[str, Any], dict[str, str]]:
    """What transformers' loader is told besides, and what a result says: of the type of the text
    `part`, where there are others, and of tensors that are not read and not known to be harmless.

    transformers' own loader puts tensors without memory into a model without memory, so that its
    renamings and its merging of experts count. UserError for tensors that are missing, have another
    shape than the config says, or hold something else than plain weights.
    """
    model = empty(config, model_id)
    if model.config.model_type != config.model_type:  # transformers' own choice, of Llama 4 say
        part = part or model.config.model_type
    text = find_part(part, model, stored) if part else None
    options = text.options if text else {}
    report = _rehearse(model, stored, options)
    unread = unread_of(model, report, stored)
    own = text.own(unread) if text else unread
    others = {*unread} - {*own}
    ours = {name: head for name, head in stored.items() if name not in others}
    if odd := _integers(model, ours, report, own, options):
        raise quantised(model_id, f"({odd} is {stored[odd].dtype})")
    for name in own:
        if PACKED.search(name):
            raise quantised(model_id, f"({name} belongs to packed weights)")
    if report["missing_keys"]:
        raise lacking(sorted(report["missing_keys"])[0], folder, model_id)
    for name, held, asked in sorted(report["mismatched_keys"], key=lambda one: one[0])[:1]:
        raise UserError(
            f"The config of {model_id} asks for {name} as {_sizes(asked)}, but its file holds "
            f"{_sizes(held)}, so they do not belong together: {remedy_of(folder, model_id)}."
        )
    return options, {**(text.said(unread) if text else {}), **named(own)}


def named(unread: Iterable[str]) -> dict[str, str]:
    """What a result says of tensors that were not read; nothing where all were."""
    names = list(unread)
    if not names:
        return {}
    return {UNREAD: first_of(names)}


def _integers(
    model: Any,
    stored: Mapping[str, Head],
    report: Mapping[str, Any],
    unread: Iterable[str],
    options: Mapping[str, Any],
) -> str | None:
    """A tensor that holds a weight in integers or in 8 bits. Tables that are of integers in the
    model too, such as the experts of each token, do not: a rehearsal without them misses those."""
    ours = {name for name, tensor in model.state_dict().items() if not tensor.is_floating_point()}
    odd = [
        name
        for name, head in stored.items()
        if head.dtype not in FLOATS and not HARMLESS.search(name) and name not in ours
    ]
    if not odd:
        return None
    plain = {name: head for name, head in stored.items() if name not in odd}
    missed = {*_rehearse(model, plain, options)["missing_keys"]} - {*report["missing_keys"]}
    packed = {name for name in odd if stored[name].dtype not in COUNTING}
    return odd[0] if missed - ours or packed & {*unread} else None


def _rehearse(
    model: Any, stored: Mapping[str, Head], options: Mapping[str, Any]
) -> Mapping[str, Any]:
    """transformers' report of loading, without a byte of weights; where a conversion of its looks
    into a tensor, with zeros of the size of the files."""
    try:
        return _report(model, stored, options, "meta")
    except NotImplementedError:
        return _report(model, stored, options, "cpu")


def _report(
    model: Any, stored: Mapping[str, Head], options: Mapping[str, Any], device: str
) -> Mapping[str, Any]:
    state = {
        name: torch.zeros(head.shape, dtype=torch.float32, device=device)
        for name, head in stored.items()
    }
    with BUILDING:
        _, report = type(model).from_pretrained(
            None,
            config=model.config,
            state_dict=state,
            dtype=torch.float32,
            device_map={"": "meta"},
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **options,
        )
    return report


def unread_of(model: Any, report: Mapping[str, Any], stored: Mapping[str, Head]) -> tuple[str, ...]:
    """Those of the report, and those that transformers' class leaves out without reporting them."""
    silent = [re.compile(one) for one in model._keys_to_ignore_on_load_unexpected or ()]
    others = stored.keys() - model.state_dict().keys()
    left_out = {name for name in others if any(one.search(name) for one in silent)}
    unread = {*report["unexpected_keys"], *left_out}
    return tuple(sorted(name for name in unread if not HARMLESS.search(name)))


def _sizes(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape)) or "one number"
