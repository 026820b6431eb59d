"""The types in which weights are stored, and what is copied beside them."""

import shutil
from collections import Counter
from pathlib import Path

import torch

from nmviz.core.provenance import STORED
from nmviz.engine.load.gguf.copies import copy_of
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.tensors import heads
from nmviz.sources import models
from nmviz.sources.hub import INDEX, TEXT_FILES

TERMS = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*")
TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def type_of(loaded: LoadedModel, asked: str) -> torch.dtype:
    """What weights are stored in, `float32` or as the `source` is: what most of its weights are
    stored in, and float32 where they are of few bits."""
    if asked == "float32":
        return torch.float32
    files = models.locate(loaded.info.id)
    if files.gguf or STORED in loaded.said:
        return torch.float32
    sizes: Counter[str] = Counter()
    for head in heads(files.folder, loaded.info.id).values():
        sizes[head.dtype] += head.bits
    return TYPES.get(sizes.most_common(1)[0][0], torch.float32)


def called(dtype: torch.dtype) -> str:
    """A type as transformers has it: `bfloat16`."""
    return str(dtype).removeprefix("torch.")


def copy_texts(loaded: LoadedModel, folder: Path) -> None:
    """Put the tokenizer's files, the settings of generation and the licence into the folder, as
    they are. OSError where they cannot be written."""
    files = models.locate(loaded.info.id)
    source = copy_of(files.sha256) or files.folder
    own = getattr(loaded.tokenizer, "vocab_files_names", {}).values()
    terms = (file.name for pattern in TERMS for file in source.glob(pattern))
    for name in {*TEXT_FILES, *own, *terms} - {"config.json", INDEX}:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
