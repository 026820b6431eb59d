"""Texts as token ids. Public corpora are kept on disk: reading one takes seconds of a core."""

import hashlib
import os
import re
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import torch

from nmviz.base.cache import cache_dir, disk_errors, make_folder
from nmviz.base.errors import UserError
from nmviz.engine.load.loading import LoadedModel, kept_text
from nmviz.engine.load.refusals import usable_template

SHORT_TEXT = 10_000  # characters: quicker to encode than to remember
LONG_TEXT = 500_000  # characters: worth a file
MOST_FILES = 16
PLACE = "here-stands-the-prompt-9f2c"
_READING = Lock()  # how a tokenizer reads special tokens is a state of it


class Tokenized(Protocol):
    """What has a tokenizer, and the hash of the files that it came from: a model in memory, or its
    vocabulary alone."""

    @property
    def tokenizer(self) -> Any:
        """As transformers has it."""

    @property
    def sha256(self) -> str:
        """As of the model."""


def encode(loaded: Tokenized, text: str, public: bool = False) -> torch.Tensor:
    """The text as token ids, int64 [tokens], without special tokens around it.

    Those that are written out in a text of the user's own are read as text, letter by letter, as
    llama.cpp does it; in a corpus they are what they stand for. The last 4 long texts are kept in
    memory. What is `public`, a corpus that anybody may read, is kept on disk too where it is long;
    a text of the user's own never is.
    """
    if len(text) < SHORT_TEXT:
        return _encode(loaded, text, public)
    name = hashlib.sha256(text.encode()).hexdigest()
    if not public or len(text) < LONG_TEXT:
        kind = f"{name} {'public' if public else 'own'}"
        return kept_text((loaded.sha256, kind), lambda: _encode(loaded, text, public))
    return kept_text((loaded.sha256, name), lambda: _on_disk(loaded, text, name))


def written_out(loaded: LoadedModel, text: str) -> int:
    """How many special tokens are written out in a text."""
    added = loaded.tokenizer.added_tokens_decoder.values()
    names = {one.content for one in added if one.special} | {*loaded.tokenizer.all_special_tokens}
    longest_first = sorted(map(re.escape, filter(None, names)), key=len, reverse=True)
    return len(re.findall("|".join(longest_first), text)) if longest_first else 0


def in_template(loaded: LoadedModel, prompt: str) -> torch.Tensor:
    """A prompt in the model's chat template as token ids, int64 [tokens]. The special tokens are
    the template's; those that the prompt writes out are text."""
    if not written_out(loaded, prompt):
        return _encode(loaded, _templated(loaded, prompt), special=True)
    before, _, after = _templated(loaded, PLACE).partition(PLACE)
    parts = ((before, True), (prompt, False), (after, True))
    return torch.cat([_encode(loaded, part, special) for part, special in parts if part])


def _templated(loaded: LoadedModel, prompt: str) -> str:
    messages = [{"role": "user", "content": prompt}]
    with usable_template(loaded.info.id):
        return loaded.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )


def bos_token(loaded: Tokenized) -> int | None:
    """The begin-of-text id where the tokenizer puts one before a text by itself, else None."""
    bos = loaded.tokenizer.bos_token_id
    with _READING:
        first = loaded.tokenizer("a").input_ids[:1]
    return bos if bos is not None and first == [bos] else None


def _encode(loaded: Tokenized, text: str, special: bool) -> torch.Tensor:
    """Where `special`, special tokens that are written out are these, else they are text."""
    with _READING:
        ids = loaded.tokenizer(
            text, add_special_tokens=False, verbose=False, split_special_tokens=not special
        ).input_ids
    return torch.tensor(ids, dtype=torch.int64)


def _on_disk(loaded: Tokenized, text: str, name: str) -> torch.Tensor:
    """From the file where there is one, else encoded and written for the next process."""
    path = _path(loaded, name)
    with suppress(OSError, ValueError):  # missing, or spoiled: made again
        return torch.from_numpy(np.load(path, allow_pickle=False).astype(np.int64))
    ids = _encode(loaded, text, special=True)
    with suppress(UserError, OSError):  # a cache that cannot be written only costs time
        _write(path, ids.numpy().astype(np.int32))
    return ids


def _path(loaded: Tokenized, name: str) -> Path:
    """Libraries count: another version may cut words otherwise."""
    libraries = [f"{library} {version(library)}" for library in ("tokenizers", "transformers")]
    identity = " ".join([loaded.sha256, name, *libraries])
    return cache_dir() / "tokens" / f"{hashlib.sha256(identity.encode()).hexdigest()}.npy"


def _write(path: Path, ids: np.ndarray) -> None:
    """Whole or not at all; the oldest files go."""
    make_folder(path.parent)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with disk_errors(path.parent):
        try:
            with beside.open("wb") as file:
                np.save(file, ids, allow_pickle=False)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        for old in sorted(path.parent.glob("*.npy"), key=os.path.getmtime)[:-MOST_FILES]:
            old.unlink(missing_ok=True)
