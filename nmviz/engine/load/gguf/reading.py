"""The model of a GGUF file as transformers reads it, where it reads all of it; else refused."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import gguf
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GgufConfig,
    modeling_gguf_pytorch_utils,
)

from nmviz.base.errors import UserError
from nmviz.core.provenance import STORED
from nmviz.engine.load.configs import BUILDING, empty
from nmviz.engine.load.gguf import rope
from nmviz.engine.load.refusals import lacking
from nmviz.engine.load.tensors import named
from nmviz.sources.models import ModelFiles

PLAIN = ("F32", "F16", "BF16", "F64")
WIDTHS = {
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
}
EXPERTS = "_exps"
"""Part of the names of tensors that hold all experts of a block; gate and up become one."""


def read_gguf(files: ModelFiles, model_id: str) -> tuple[Any, Mapping[str, str]]:
    """The model, dequantised to fp32, and what a result says of how it was read.

    UserError where tensors are missing, which transformers fills with random numbers or zeros, and
    where the file states a scaling of rotary positions that is not known here.
    """
    where = {"gguf_file": files.gguf, "local_files_only": True, "trust_remote_code": False}
    path = files.folder / str(files.gguf)
    with BUILDING, _no_bar(), _names() as known:
        reader = gguf.GGUFReader(str(path))  # by the name that transformers gives it
        stored = {one.name: one for one in reader.tensors}
        config: Any = AutoConfig.from_pretrained(files.folder, **where)
        kind = reader.fields["general.architecture"].contents()
        _set_widths(config, reader, kind)
        rope.apply(config, rope.scaling_of(reader, kind), model_id)
        _check_count(config, stored, model_id)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            files.folder,
            config=config,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
            output_loading_info=True,
            **where,
        )
    model, report = loaded
    absent = [name for name in known if EXPERTS in name and not _among(name, stored)]
    for name in sorted({*report["missing_keys"], *absent})[:1]:
        raise lacking(name, files.folder, model_id)
    unread = {*report["unexpected_keys"]} | ({*stored} - _read(known, stored) if known else set())
    return model, {**_stored(stored), **named(sorted(unread - {rope.FACTORS}))}


def _set_widths(config: Any, reader: Any, kind: str) -> None:
    """Widths of experts that the head states: transformers takes its own defaults for some."""
    for name, ours in WIDTHS.items():
        stated = reader.fields.get(f"{kind}.{name}")
        if stated is not None and hasattr(config, ours):
            setattr(config, ours, int(stated.contents()))


def _check_count(config: Any, stored: Mapping[str, Any], model_id: str) -> None:
    """UserError, before anything is allocated, for a head that speaks of more weights than the file
    has."""
    asked = sum(one.numel() for one in empty(config, model_id).parameters())
    held = sum(int(one.n_elements) for one in stored.values())
    if asked > held:
        raise UserError(
            f"The head of {model_id} speaks of {asked:,} weights, but the file holds {held:,}: it "
            "lacks weights, so put the whole file there again."
        )


def _stored(stored: Mapping[str, Any]) -> dict[str, str]:
    """In how few bits the weights were stored, where they were not stored as they are."""
    types = sorted({one.tensor_type.name for one in stored.values()} - {*PLAIN})
    return {STORED: f"dequantised from {', '.join(types)}"} if types else {}


def _among(name: str, stored: Mapping[str, Any]) -> bool:
    return name in stored or f"{name}.weight" in stored


def _read(known: Mapping[str, str], stored: Mapping[str, Any]) -> set[str]:
    """Tensors of the file that have a place in the model; experts' names come without an end."""
    return {name for name in stored if name in known or name.removesuffix(".weight") in known}


@contextmanager
def _names() -> Iterator[dict[str, str]]:
    """Inside, what transformers finds to be the model's name of each tensor is noted; empty for an
    architecture that goes another way, whose report names what was not read."""
    module: Any = modeling_gguf_pytorch_utils
    before, known = module.get_gguf_hf_weights_map, {}

    def noted(*given: Any, **named: Any) -> dict[str, str]:
        found: dict[str, str] = before(*given, **named)
        known.update(found)
        return found

    module.get_gguf_hf_weights_map = noted
    try:
        yield known
    finally:
        module.get_gguf_hf_weights_map = before


@contextmanager
def _no_bar() -> Iterator[None]:
    """The GGUF reader draws its progress bar whatever transformers' own switch says."""
    module: Any = modeling_gguf_pytorch_utils
    bar = module.tqdm
    module.tqdm = partial(bar, disable=True)
    try:
        yield
    finally:
        module.tqdm = bar
