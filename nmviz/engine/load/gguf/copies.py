"""A GGUF file becomes safetensors in fp32 once, so that every later start is fast."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import gguf
import numpy as np
import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import AutoTokenizer

from nmviz.base.cache import MOVE_IT, cache_dir, disk_errors, make_folder, require_space
from nmviz.base.errors import UserError
from nmviz.engine.load.gguf.reading import read_gguf
from nmviz.sources.models import ModelFiles

OF_THE_SOURCE = ("quantization_config", "_name_or_path", "_model_name_or_path")
"""Config entries that speak of the GGUF file and not of its copy."""
ABOUT = "copy.json"
"""Beside the files of a copy: how many bytes each has when it is whole, and what a result says of
how the GGUF file was read. Copies of older versions lack it, and may hold random numbers in place
of tensors that the file did not have: they are made again."""
_reading = Lock()  # what is exchanged while a file is read is put back before the next one is


def converted(files: ModelFiles, model_id: str, *, again: bool = False) -> Path:
    """The folder of the converted copy, bit-equal to what transformers reads from the GGUF file;
    made where there is none, where part of it is missing, or `again`. UserError as of `read_gguf`.

    Written beside and moved in place whole; two processes do not collide.
    """
    home = make_folder(cache_dir() / "converted")
    folder = home / files.sha256
    if _is_whole(folder) and not again:
        return folder
    with disk_errors(home), FileLock(home / f"{files.sha256}.lock"):
        if again or not _is_whole(folder):
            _convert(files, folder, model_id)
    return folder


def is_converted(files: ModelFiles) -> bool:
    """Whether a converted copy is there already."""
    return copy_of(files.sha256) is not None


def copy_of(sha256: str) -> Path | None:
    """The folder of the converted copy of a GGUF file of that hash, where it is there already."""
    folder = cache_dir() / "converted" / sha256
    return folder if _is_whole(folder) else None


def config_of_copy(sha256: str) -> Path:
    """Where the config of a file's converted copy lies, if there is one."""
    return cache_dir() / "converted" / sha256 / "config.json"


def said_of(folder: Path) -> Mapping[str, str]:
    """What a result says of how the GGUF file of a converted copy was read."""
    said: Mapping[str, str] = json.loads((folder / ABOUT).read_text("utf-8"))["said"]
    return said


def _is_whole(folder: Path) -> bool:
    """Whether every file of a copy has the size that it was written with."""
    try:
        sizes = json.loads((folder / ABOUT).read_text("utf-8"))["sizes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def unique_tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state dict with each shared tensor once, under its first name (a tied lm_head)."""
    seen: set[int] = set()
    unique: dict[str, torch.Tensor] = {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            unique[name] = tensor.contiguous()
    return unique


def _convert(files: ModelFiles, folder: Path, model_id: str) -> None:
    prefix = f"tmp-{files.sha256[:16]}-"
    for left_over in folder.parent.glob(f"{prefix}*"):
        shutil.rmtree(left_over, ignore_errors=True)
    workspaces = tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix)
    with workspaces as workspace, _read_once():
        alone = _set_apart(files, Path(workspace) / "source")
        model, said = read_gguf(alone, model_id)
        tokenizer = AutoTokenizer.from_pretrained(
            alone.folder, gguf_file=alone.gguf, local_files_only=True, trust_remote_code=False
        )
        tensors = unique_tensors(model)
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        require_space(folder.parent, size, "The converted copy of the model")
        beside = Path(workspace) / "copy"
        beside.mkdir()
        _save(tensors, beside / "model.safetensors")
        (beside / "config.json").write_text(_clean_config(model), encoding="utf-8")
        if model.generation_config is not None:
            model.generation_config.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        sizes = {file.name: file.stat().st_size for file in beside.iterdir()}
        about = json.dumps({"sizes": sizes, "said": said})
        (beside / ABOUT).write_text(about, encoding="utf-8")
        if folder.is_dir():
            os.replace(folder, Path(workspace) / "broken")
        os.replace(beside, folder)


def _set_apart(files: ModelFiles, folder: Path) -> ModelFiles:
    """The GGUF file in a folder of its own: tokenizer files beside it would get the upper hand."""
    folder.mkdir()
    source = files.folder / str(files.gguf)
    try:
        os.symlink(source.resolve(), folder / source.name)
    except OSError:  # not everybody may make links on Windows
        shutil.copyfile(source, folder / source.name)
    return replace(files, folder=folder)


class _Reader(gguf.GGUFReader):
    """The file as a plain array: every piece cut from a memmap, and a vocabulary is hundreds of
    thousands of them, is a memmap too, which takes four times as long."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, np.asarray(value) if isinstance(value, np.memmap) else value)


@contextmanager
def _read_once() -> Iterator[None]:
    """Inside, a file is read by `_Reader`, and that and the names of tensors once: transformers
    reads it for the config, the weights and the tokenizer, and asks for the names at every module.
    """
    module: Any = gguf
    before = module.GGUFReader, module.get_tensor_name_map
    with _reading:
        module.GGUFReader, module.get_tensor_name_map = cache(_Reader), cache(before[1])
        try:
            yield
        finally:
            module.GGUFReader, module.get_tensor_name_map = before


def _save(tensors: dict[str, torch.Tensor], path: Path) -> None:
    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError:  # has no errno; a full disk is the likely cause
        raise UserError(
            f"The converted copy of the model could not be written to {path.parent.parent.parent}: "
            f"make room, {MOVE_IT}."
        ) from None


def _clean_config(model: Any) -> str:
    config = {
        name: value for name, value in model.config.to_dict().items() if name not in OF_THE_SOURCE
    }
    config["architectures"] = [type(model).__name__]
    return json.dumps(config, indent=2, sort_keys=True)
