"""The words behind the numbers of flips, from a model's tokenizer and the text it read.

Nothing is fetched for it, and no weight is read: what is not on this machine stays a number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.tokenwise.flips import Flip, FlipInWords
from nmviz.engine.load.gguf.copies import copy_of
from nmviz.engine.load.loading import in_memory, load_tokenizer, quiet
from nmviz.engine.load.windows import windows_read
from nmviz.sources import corpora, models
from nmviz.sources.corpora import OWN_TEXT

BEFORE = 12
"""So many tokens of the text are shown before a word,"""
CHARACTERS = 80
"""and of these at most so many characters, the last ones."""
CUT = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class Vocabulary:
    """The tokenizer of a model, without the model."""

    sha256: str
    tokenizer: Any = field(compare=False)


def vocabulary(experiment: Experiment) -> Vocabulary | None:
    """That of an experiment's model; None where it is not on this machine, or no longer of the
    files that the experiment is of."""
    try:
        sha256 = models.identify(experiment.model)
        if experiment.artefacts.model not in (None, sha256):
            return None
        known = in_memory(sha256)
        if known is not None:
            return Vocabulary(sha256, known.tokenizer)
        folder = copy_of(sha256) or _folder_of(experiment.model)
        return None if folder is None else _read(folder, sha256)
    except UserError:
        return None


def _folder_of(model: str) -> Path | None:
    """The folder with the files of a tokenizer, where the model, or that of a recipe, has one."""
    if model in models.MODELS:
        return None
    files = models.locate(model)
    return copy_of(files.sha256) if files.gguf else files.folder


@lru_cache(maxsize=2)
def _read(folder: Path, sha256: str) -> Vocabulary:
    with quiet():
        return Vocabulary(sha256, load_tokenizer(folder, folder.name))


def windows_here(read_by: Vocabulary, experiment: Experiment, text: str | None) -> Tensor | None:
    """Windows of what an experiment reads, int64 [count, window]; None where the text is not on
    this machine. `text` is the user's own where the experiment is of one."""
    corpus, known = experiment.reading.corpus, experiment.artefacts.corpus
    try:
        if corpus == OWN_TEXT:
            return None if text is None else windows_read(read_by, experiment, text).ids
        here = corpora.is_here(corpus) and known in (None, corpora.identify(corpus))
        return _windows(read_by, experiment) if here else None
    except UserError:
        return None


@lru_cache(maxsize=8)
def _windows(read_by: Vocabulary, experiment: Experiment) -> Tensor:
    text = corpora.read(experiment.reading.corpus)
    return windows_read(read_by, experiment, text).ids.clone()  # of the whole text it is a view


def in_words(
    flips: Sequence[Flip], read_by: Vocabulary, windows: Tensor | None
) -> tuple[FlipInWords, ...]:
    """Each flip with its words, and with the text before it where the windows are there. One that
    is not of this vocabulary, as a file may have it, stays in numbers."""
    return tuple(_in_words(one, read_by.tokenizer, windows) for one in flips)


def _in_words(flip: Flip, tokenizer: Any, windows: Tensor | None) -> FlipInWords:
    ids = (flip.right, flip.dense, flip.pruned)
    if max(ids) >= len(tokenizer):
        return FlipInWords.in_numbers(flip)
    before = "" if windows is None else _before(flip, tokenizer, windows)
    right, dense, pruned = (tokenizer.decode([one]) for one in ids)
    return FlipInWords(flip, before, right, dense, pruned)


def _before(flip: Flip, tokenizer: Any, windows: Tensor) -> str:
    """The end of the text before it; none where the text has another word there."""
    count, size = windows.shape
    if flip.window >= count or flip.token >= size:
        return ""
    if int(windows[flip.window, flip.token]) != flip.right:
        return ""
    ids = windows[flip.window, : flip.token][-BEFORE:]
    text = tokenizer.decode(ids.tolist(), skip_special_tokens=True)
    return text if len(text) <= CHARACTERS else CUT + text[1 - CHARACTERS :]
