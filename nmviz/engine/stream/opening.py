"""A model opened for a streamed run: its tokenizer, and its weights still on disk."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from nmviz.core.provenance import ORIGIN, STREAMED
from nmviz.engine.load.gguf.copies import converted, is_converted, said_of
from nmviz.engine.load.loading import LoadedModel, load_tokenizer, quiet
from nmviz.engine.load.positions import context_of
from nmviz.engine.load.refusals import plain_words
from nmviz.engine.stream.parts import Parts
from nmviz.sources import models
from nmviz.sources.saved import saved_in

IN_WORDS = "block by block, weights read from disk for each"


def folder_of(model_id: str) -> Path | None:
    """Where its weights lie as safetensors; None of a GGUF file that was not converted yet, and of
    a recipe."""
    if models.recipe_of(model_id):
        return None
    files = models.locate(model_id)
    if not files.gguf:
        return files.folder
    return converted(files, model_id) if is_converted(files) else None


def opened(model_id: str, parts: Parts, folder: Path) -> LoadedModel:
    """The model of these parts as a run takes it, with what stays in memory read."""
    files = models.locate(model_id)
    with quiet(), plain_words(model_id):
        tokenizer = load_tokenizer(folder, model_id)
        parts.open()
    info = models.describe(model_id)
    info = replace(info, context=context_of(parts.model, info.context))
    said = {**parts.said, STREAMED: IN_WORDS}
    if files.gguf:
        said |= said_of(folder)
    if saved := saved_in(files.folder):
        said |= {ORIGIN: saved.origin}
    return LoadedModel(info, parts.model, tokenizer, files.sha256, "cpu", said)


def kept_parts(model_id: str, folder: Path) -> Parts:
    """The parts of a model in that folder: those of the last time, while its files are the same."""
    return _parts(model_id, folder, models.identify(model_id))


def kept_opened(model_id: str, folder: Path) -> LoadedModel:
    """The model of these parts, opened once."""
    return _opened(model_id, folder, models.identify(model_id))


@lru_cache(maxsize=1)
def _parts(model_id: str, folder: Path, sha256: str) -> Parts:
    return Parts(folder, model_id)


@lru_cache(maxsize=1)
def _opened(model_id: str, folder: Path, sha256: str) -> LoadedModel:
    return opened(model_id, _parts(model_id, folder, sha256), folder)
