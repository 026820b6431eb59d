"""Pruned weights as ordinary safetensors, block by block, under the names that the source has."""

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers.core_model_loading import revert_weight_conversion
from transformers.modeling_utils import remove_tied_weights_from_state_dict

from nmviz.base.errors import UserError
from nmviz.engine.calibrate.blockwise import Check
from nmviz.engine.calibrate.calibration import Stage
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.gguf.copies import OF_THE_SOURCE
from nmviz.engine.load.loading import LoadedModel, quiet
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.weights import PrunedWeights
from nmviz.engine.save import masks
from nmviz.engine.save.types import called
from nmviz.sources.hub import INDEX, WHOLE

SHARD = 2_000_000_000
"""Bytes of a file at most: as much is held beside the model while it is written."""
WORDS = "writing the weights"
Bits = dict[str, np.ndarray]
Held = Callable[[str], AbstractContextManager[None]]


def write(
    loaded: LoadedModel,
    pruned: PrunedWeights,
    folder: Path,
    dtype: torch.dtype,
    check: Check,
    held: Held | None = None,
) -> Generator[Stage, None, Bits]:
    """Put the weights and the config of the pruned model into the folder; `check` may raise
    Cancelled. Returns the masks, see `masks.bits_of`.

    With `held` the weights of a block, and of both ends, are there inside that alone, pruned; every
    block has a file of its own then.

    A tensor is of `dtype` where it loses nothing by it, which all of the source's own do, or where
    its weights were changed, and of float32 else. UserError for a weight that is not finite, or is
    needed unpruned elsewhere; OSError or SafetensorError where a file cannot be written.
    """
    _check_alone(loaded.model, pruned)
    shards = _Shards(folder, SHARD if held is None else 0)
    sites, bits = _sites_by_name(loaded.model, pruned), Bits()
    groups = list(_by_block(loaded.model))
    for number, (path, names) in enumerate(groups):
        check()
        yield Stage(WORDS, number / len(groups))
        with nullcontext() if held is None else held(path):
            there = loaded.model.state_dict()
            made = {}
            for name in names:
                own = sites.get(name, ())
                made[name] = _made(name, there[name], own, pruned, dtype)
                bits |= {site.name: masks.bits_of(pruned, site) for site in own}
            with quiet():
                shards.add(revert_weight_conversion(loaded.model, made))
        del there, made
    shards.finish()
    _write_config(loaded.model, folder, dtype)
    return bits


def size(model: Any, dtype: torch.dtype) -> int:
    """How many bytes the files will have: weights, and an eighth of a byte an entry of masks."""
    entries = sum(parameter.numel() for parameter in model.parameters())
    return entries * dtype.itemsize + entries // 8


def _by_block(model: Any) -> Iterator[tuple[str, list[str]]]:
    """Names of what is stored of a model, each shared tensor once, in groups: a block by its path,
    or what lies between two by none."""
    blocks, _ = find_blocks(model)
    with quiet():
        whole = remove_tied_weights_from_state_dict(dict(model.state_dict()), model)
    left_out = model._keys_to_ignore_on_save or ()

    def block_of(name: str) -> str:
        return next((path for path in blocks if name.startswith(f"{path}.")), "")

    for path, names in groupby((name for name in whole if name not in left_out), block_of):
        yield path, list(names)


def _made(
    name: str, tensor: Tensor, sites: Sequence[Site], pruned: PrunedWeights, dtype: torch.dtype
) -> Tensor:
    """The tensor with its sites pruned, on the CPU."""
    whole = tensor.detach().clone() if sites else tensor.detach()
    for site in sites:
        site.matrix_in(whole).copy_(pruned.taken(site)[0])
    if not whole.is_floating_point():
        return whole.cpu().contiguous()
    if not bool(whole.isfinite().all()):
        raise UserError(
            f"{name} has numbers that are not finite, so the model is not written: choose another."
        )
    cast = whole.to(dtype)
    if sites and pruned.changes_weights:
        _refuse_overflow(cast, name)
    elif not torch.equal(cast.to(whole.dtype), whole):
        cast = whole
    return cast.cpu().contiguous()


def _refuse_overflow(cast: Tensor, name: str) -> None:
    if not bool(cast.isfinite().all()):
        raise UserError(
            f"The changed weights of {name} do not fit {called(cast.dtype)}: use --dtype float32."
        )


def _sites_by_name(model: Any, pruned: PrunedWeights) -> Mapping[str, list[Site]]:
    """The sites that lie in each parameter that is stored."""
    by_parameter: dict[int, list[Site]] = {}
    for site in pruned.sites:
        by_parameter.setdefault(id(site.whole), []).append(site)
    named = model.named_parameters(remove_duplicate=False)
    return {name: by_parameter[id(one)] for name, one in named if id(one) in by_parameter}


def _check_alone(model: Any, pruned: PrunedWeights) -> None:
    """UserError where a file cannot hold what is pruned, because the same weight is also used
    where it is not, or is pruned in two ways."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    met: set[tuple[int, int]] = set()
    for site in pruned.sites:
        place = id(site.whole), site.number
        if place in met or len(names[id(site.whole)]) > len(site.modules):
            raise UserError(
                f"{site.name} shares its weight with another part of the model, which one file "
                "cannot hold pruned and unpruned: leave it out with --sites."
            )
        met.add(place)


class _Shards:
    """Files of at most so many bytes, unless one block alone has more; the names that transformers
    looks for are theirs at the end."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._held: dict[str, Tensor] = {}
        self._written: list[list[str]] = []
        self._bytes = 0

    def add(self, tensors: Mapping[str, Tensor]) -> None:
        if _size(self._held) + _size(tensors) > self._most:
            self._flush()
        self._held |= tensors
        if _size(self._held) > self._most:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            part = self._folder / _part(len(self._written))
            save_file(self._held, part, metadata={"format": "pt"})
            self._written.append(list(self._held))
            self._bytes += _size(self._held)
            self._held = {}

    def finish(self) -> None:
        self._flush()
        count = len(self._written)
        if count == 1:
            (self._folder / _part(0)).rename(self._folder / WHOLE)
            return
        where: dict[str, str] = {}
        for number, names in enumerate(self._written):
            called = f"model-{number + 1:05}-of-{count:05}.safetensors"
            (self._folder / _part(number)).rename(self._folder / called)
            where |= dict.fromkeys(names, called)
        index = {"metadata": {"total_size": self._bytes}, "weight_map": dict(sorted(where.items()))}
        (self._folder / INDEX).write_text(json.dumps(index, indent=2), encoding="utf-8")


def _part(number: int) -> str:
    return f"part-{number:05}"


def _size(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


def _write_config(model: Any, folder: Path, dtype: torch.dtype) -> None:
    """The config of the model as it was loaded, with the type of the weights."""
    config = deepcopy(model.config)
    for name in OF_THE_SOURCE:
        vars(config).pop(name, None)
    config.dtype = dtype
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
